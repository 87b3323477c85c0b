with
    source as (select * from {{ source("lake", "survey_invitation") }}),

    renamed as (
        select
            -- ids
            invitation_key,
            survey_id,
            store_id,
            response_key,
            -- text
            channel,
            touchpoint,
            incentive_type,
            -- numbers
            source_version,
            -- times
            sent_at,
            delivered_at,
            bounced_at,
            opened_at,
            started_at,
            completed_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "survey_invitation", "invitation_key") }}
