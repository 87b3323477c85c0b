with
    source as (select * from {{ source("lake", "sla_policy") }}),

    renamed as (
        select
            -- ids
            policy_id,
            rule_id,
            calendar_id,
            -- text
            metric,
            priority,
            applies_to_source,
            applies_to_channel,
            pausing_statuses,
            stop_at,
            -- numbers
            target_minutes,
            source_version,
            -- flags
            is_business_time,
            -- times
            valid_from,
            valid_to,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "sla_policy", ["policy_id", "rule_id"], is_bound=false) }}
