-- One row per thing that happened to a case.
{{ follows("stg_case_events", "event_key") }}
select
    -- ids
    event_key,
    case_key,
    agent_key,
    -- text
    event_type,
    author_role,
    from_value,
    to_value,
    team,
    channel,
    text,
    -- numbers
    sequence,
    text_redactions,
    -- flags
    is_public,
    is_automatic,
    is_substantive,
    is_sla_met,
    is_sensitive_text,
    -- times
    occurred_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_case_events") }}
where is_current {{ only_touched() }}
