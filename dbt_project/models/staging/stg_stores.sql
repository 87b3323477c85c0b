with
    source as (select * from {{ source("lake", "store") }}),

    renamed as (
        select
            -- ids
            store_id,
            -- text
            name_zh,
            name_en,
            region,
            country,
            timezone,
            -- numbers
            source_version,
            -- times
            opened_on,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "store", ["store_id"], is_bound=false) }}
