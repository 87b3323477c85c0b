with
    source as (select * from {{ source("lake", "consent") }}),

    renamed as (
        select
            -- ids
            consent_key,
            evidence_key,
            -- text
            purpose,
            action,
            consent_type,
            notice_version,
            collected_via,
            -- numbers
            source_version,
            -- times
            given_at,
            expires_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{
        staged(
            "renamed",
            "consent",
            ["consent_key"],
            deleted_by="consent_key",
            is_bound=false,
        )
    }}
