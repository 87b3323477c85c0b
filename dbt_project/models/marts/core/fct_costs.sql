-- One row per cost line.
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
    -- times
    booked_on,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_costs") }}
where is_current
