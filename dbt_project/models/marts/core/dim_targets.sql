-- One row per target for a metric and stretch of time; the next one of the same metric and member ends it.
select
    -- ids
    target_id,
    source,
    metric_id,
    -- text
    variant,
    coalesce(breakdown, '') as breakdown,
    coalesce(member, '') as member,
    owner,
    reason,
    -- numbers
    target_value,
    -- times
    valid_from,
    coalesce(
        valid_to,
        lead(valid_from) over (partition by metric_id, variant, breakdown, member order by valid_from, target_id),
        date '9999-01-01'
    ) as valid_to
from {{ ref("stg_targets") }}
where is_current
