with
    source as (select * from {{ source("lake", "deletion") }}),

    renamed as (
        select
            -- ids
            deletion_key,
            deleted_key,
            -- text
            deleted_kind,
            reason,
            -- numbers
            source_version,
            -- times
            deleted_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "deletion", ["deletion_key"], is_bound=false) }}
