with
    source as (select * from {{ source("lake", "agent") }}),

    renamed as (
        select
            -- ids
            agent_key,
            store_id,
            -- text
            team,
            role,
            -- numbers
            source_version,
            -- times
            hired_on,
            left_on,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged("renamed", "agent", ["agent_key"], deleted_by="agent_key") }}
