with
    source as (select * from {{ source("lake", "product") }}),

    renamed as (
        select
            -- ids
            product_id,
            -- text
            name_zh,
            name_en,
            category,
            department,
            division,
            currency,
            -- numbers
            price,
            source_version,
            -- times
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "product", ["product_id"]) }}
