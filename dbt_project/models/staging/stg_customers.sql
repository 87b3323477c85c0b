with
    source as (select * from {{ source("lake", "customer") }}),

    renamed as (
        select
            -- ids
            customer_key,
            -- text
            customer_type,
            segment,
            language,
            region,
            age_band,
            gender,
            acquired_channel,
            contract,
            currency,
            -- numbers
            tenure_months,
            monthly_amount,
            total_amount,
            source_version,
            -- flags
            is_churned,
            -- times
            first_seen_at,
            updated_at,
            -- lineage
            {{ lineage_columns() }}
        from source
    )

    {{ staged_long("renamed", "customer", "customer_key") }}
