with
    source as (select * from {{ source("lake", "survey_answer") }}),

    renamed as (
        select
            -- ids
            answer_key,
            response_key,
            survey_id,
            question_id,
            store_id,
            product_id,
            case_key,
            -- text
            choice,
            text,
            channel,
            touchpoint,
            language,
            -- numbers
            score,
            text_redactions,
            weight,
            source_version,
            -- flags
            wants_contact,
            is_sensitive_text,
            -- times
            answered_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "survey_answer", "answer_key") }}
