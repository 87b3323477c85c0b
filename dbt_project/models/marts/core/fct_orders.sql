-- One row per purchase, refund or subscription period.
{{ follows("stg_orders", "order_key") }}
select
    -- ids
    order_key,
    product_id,
    store_id,
    -- text
    order_type,
    currency,
    channel,
    -- numbers
    amount,
    cost_amount,
    quantity,
    -- times
    ordered_at,
    period_start,
    period_end,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_orders") }}
where is_current {{ only_touched() }}
