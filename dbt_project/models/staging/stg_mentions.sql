with
    source as (select * from {{ source("lake", "mention") }}),

    renamed as (
        select
            -- ids
            mention_key,
            reply_to_key,
            product_id,
            {{ told_agent() }},
            -- text
            channel,
            language,
            text,
            reply_text,
            -- numbers
            reach,
            reaction_count,
            text_redactions,
            reply_text_redactions,
            source_version,
            -- flags
            is_sensitive_text,
            -- times
            posted_at,
            replied_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "mention", "mention_key") }}
