-- One row per training attended by one member of staff.
select
    -- ids
    training_key,
    agent_key,
    -- text
    course,
    -- numbers
    hours,
    result,
    -- times
    attended_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_trainings") }}
where is_current
