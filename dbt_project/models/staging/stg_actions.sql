with
    source as (select * from {{ source("lake", "action") }}),

    renamed as (
        select
            -- ids
            action_key,
            {{ told_agent() }},
            product_id,
            feedback_keys,
            -- text
            action_type,
            status,
            team,
            root_cause,
            title,
            -- numbers
            title_redactions,
            source_version,
            -- flags
            is_sensitive_text,
            -- times
            opened_at,
            due_at,
            shipped_at,
            notified_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "action", ["action_key"], deleted_by="action_key") }}
