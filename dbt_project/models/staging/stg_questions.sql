with
    source as (select * from {{ source("lake", "question") }}),

    renamed as (
        select
            -- ids
            survey_id,
            question_id,
            scale_id,
            -- text
            survey_name_zh,
            survey_name_en,
            metric,
            answer_type,
            no_answer_codes,
            text_zh,
            text_en,
            theme,
            -- numbers
            scale_min,
            scale_max,
            position,
            source_version,
            -- flags
            is_effort_worded,
            -- times
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "question", ["survey_id", "question_id"], is_bound=false) }}
