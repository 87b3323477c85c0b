-- One row per social or community post.
{{ follows("stg_mentions", "mention_key") }}
select
    -- ids
    mention_key,
    reply_to_key,
    product_id,
    agent_key,
    -- text
    channel,
    language,
    text,
    reply_text,
    -- numbers
    reach,
    reaction_count,
    text_redactions,
    reply_text_redactions,
    -- flags
    is_sensitive_text,
    -- times
    posted_at,
    replied_at,
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

from {{ ref("stg_mentions") }}
where is_current {{ only_touched() }}
