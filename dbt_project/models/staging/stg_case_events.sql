with
    source as (select * from {{ source("lake", "case_event") }}),

    renamed as (
        select
            -- ids
            event_key,
            case_key,
            {{ told_agent() }},
            -- text
            event_type,
            author_role,
            from_value,
            to_value,
            team,
            channel,
            text,
            -- numbers
            sequence,
            text_redactions,
            source_version,
            -- flags
            is_public,
            is_automatic,
            is_substantive,
            is_sla_met,
            is_sensitive_text,
            -- times
            occurred_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "case_event", "event_key") }}
