-- One row per piece of qualitative or internal feedback.
{{ follows("stg_notes", "note_key") }}
select
    -- ids
    note_key,
    product_id,
    store_id,
    agent_key,
    -- text
    method,
    party,
    category,
    channel,
    language,
    text,
    -- numbers
    text_redactions,
    -- flags
    is_sensitive_text,
    -- times
    noted_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_notes") }}
where is_current {{ only_touched() }}
