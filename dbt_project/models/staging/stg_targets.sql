with
    source as (select * from {{ source("lake", "target") }}),

    renamed as (
        select
            -- ids
            target_id,
            metric_id,
            -- text
            variant,
            breakdown,
            member,
            owner,
            reason,
            -- numbers
            target_value,
            source_version,
            -- times
            valid_from,
            valid_to,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "target", ["target_id"], is_bound=false) }}
