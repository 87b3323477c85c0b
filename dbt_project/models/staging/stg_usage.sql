with
    source as (select * from {{ source("lake", "usage") }}),

    renamed as (
        select
            -- ids
            usage_key,
            -- text
            feature,
            -- numbers
            use_count,
            source_version,
            -- times
            used_on,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "usage", "usage_key") }}
