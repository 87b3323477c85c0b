-- One row per phone call.
{{ follows("stg_calls", "call_key") }}
select
    -- ids
    call_key,
    agent_key,
    store_id,
    case_key,
    -- text
    direction,
    queue,
    ivr_path,
    skill,
    team,
    language,
    text,
    -- numbers
    wait_seconds,
    talk_seconds,
    hold_seconds,
    wrap_up_seconds,
    transfer_count,
    text_redactions,
    -- flags
    is_abandoned,
    is_sensitive_text,
    -- times
    offered_at,
    answered_at,
    ended_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    counted_key,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_calls") }}
where is_current {{ only_touched() }}
