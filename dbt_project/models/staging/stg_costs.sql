with
    source as (select * from {{ source("lake", "cost") }}),

    renamed as (
        select
            -- ids
            cost_key,
            -- text
            programme,
            cost_type,
            currency,
            -- numbers
            hours,
            amount,
            source_version,
            -- times
            booked_on,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "cost", ["cost_key"], deleted_by="cost_key") }}
