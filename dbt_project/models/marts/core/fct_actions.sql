-- One row per improvement, commitment or follow-up.
select
    -- ids
    action_key,
    agent_key,
    product_id,
    -- text
    action_type,
    status,
    team,
    root_cause,
    title,
    -- numbers
    title_redactions,
    -- flags
    is_sensitive_text,
    -- times
    opened_at,
    due_at,
    shipped_at,
    notified_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_actions") }}
where is_current
