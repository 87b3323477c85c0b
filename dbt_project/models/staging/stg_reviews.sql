with
    source as (select * from {{ source("lake", "review") }}),

    renamed as (
        select
            -- ids
            review_key,
            {{ told_agent() }},
            product_id,
            store_id,
            -- text
            title,
            text,
            reply_text,
            channel,
            language,
            app_version,
            -- numbers
            rating,
            rating_max,
            helpful_count,
            title_redactions,
            text_redactions,
            reply_text_redactions,
            source_version,
            -- flags
            is_recommended,
            is_sensitive_text,
            -- times
            posted_at,
            edited_at,
            replied_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "review", "review_key") }}
