with
    source as (select * from {{ source("lake", "case") }}),

    renamed as (
        select
            -- ids
            case_key,
            case_number_key,
            product_id,
            store_id,
            {{ told_agent() }},
            -- text
            opened_by,
            channel,
            case_type,
            category,
            subcategory,
            touchpoint,
            region,
            priority,
            status,
            team,
            close_reason,
            language,
            title,
            text,
            -- numbers
            reopen_count,
            reassignment_count,
            title_redactions,
            text_redactions,
            source_version,
            -- flags
            calls_for_handling,
            is_sla_met,
            is_timely,
            is_sensitive_text,
            -- times
            opened_at,
            acknowledged_at,
            first_replied_at,
            resolved_at,
            closed_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "case", "case_key") }}
