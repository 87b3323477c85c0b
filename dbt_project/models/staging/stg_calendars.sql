with
    source as (select * from {{ source("lake", "calendar") }}),

    renamed as (
        select
            -- ids
            calendar_id,
            entry_id,
            -- text
            entry_type,
            timezone,
            -- numbers
            weekday,
            start_minute,
            end_minute,
            source_version,
            -- times
            on_date,
            valid_from,
            valid_to,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "calendar", ["calendar_id", "entry_id"], is_bound=false) }}
