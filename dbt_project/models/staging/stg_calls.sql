with
    source as (select * from {{ source("lake", "call") }}),

    renamed as (
        select
            -- ids
            call_key,
            {{ told_agent() }},
            store_id,
            case_key,
            -- text
            direction,
            queue,
            ivr_path,
            skill,
            team,
            language,
            text,
            -- numbers
            wait_seconds,
            talk_seconds,
            hold_seconds,
            wrap_up_seconds,
            transfer_count,
            text_redactions,
            source_version,
            -- flags
            is_abandoned,
            is_sensitive_text,
            -- times
            offered_at,
            answered_at,
            ended_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "call", "call_key") }}
