-- One row per public review.
{{ follows("stg_reviews", "review_key") }}
select
    -- ids
    review_key,
    agent_key,
    product_id,
    store_id,
    -- text
    title,
    text,
    reply_text,
    channel,
    language,
    app_version,
    -- numbers
    rating,
    rating_max,
    helpful_count,
    title_redactions,
    text_redactions,
    reply_text_redactions,
    -- flags
    is_recommended,
    is_sensitive_text,
    -- times
    posted_at,
    edited_at,
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

from {{ ref("stg_reviews") }}
where is_current {{ only_touched() }}
