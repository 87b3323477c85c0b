with
    source as (select * from {{ source("lake", "order") }}),

    renamed as (
        select
            -- ids
            order_key,
            product_id,
            store_id,
            -- text
            order_type,
            currency,
            channel,
            -- numbers
            amount,
            cost_amount,
            quantity,
            source_version,
            -- times
            ordered_at,
            period_start,
            period_end,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "order", "order_key") }}
