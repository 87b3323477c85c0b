with
    source as (select * from {{ source("lake", "scale") }}),

    renamed as (
        select
            -- ids
            scale_id,
            -- text
            label,
            language,
            -- numbers
            score,
            scale_min,
            scale_max,
            source_version,
            -- flags
            is_satisfied,
            is_easy,
            -- times
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "scale", ["scale_id", "label"], is_bound=false) }}
