with
    source as (select * from {{ source("lake", "training") }}),

    renamed as (
        select
            -- ids
            training_key,
            {{ told_agent() }},
            -- text
            course,
            -- numbers
            hours,
            result,
            source_version,
            -- times
            attended_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "training", ["training_key"], deleted_by="training_key") }}
