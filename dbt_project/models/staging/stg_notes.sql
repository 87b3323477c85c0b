with
    source as (select * from {{ source("lake", "note") }}),

    renamed as (
        select
            -- ids
            note_key,
            product_id,
            store_id,
            {{ told_agent() }},
            -- text
            method,
            party,
            category,
            channel,
            language,
            text,
            -- numbers
            text_redactions,
            source_version,
            -- flags
            is_sensitive_text,
            -- times
            noted_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "note", "note_key") }}
