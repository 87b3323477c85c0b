-- One row per rule of an SLA policy; a policy in reference files hides a vendor's.
select
    -- ids
    policy_id,
    rule_id,
    source,
    calendar_id,
    -- text
    metric,
    priority,
    -- a policy that a source delivers is about its own cases
    case
        when applies_to_source is null and source <> 'reference' then source else applies_to_source
    end as applies_to_source,
    applies_to_channel,
    pausing_statuses,
    stop_at,
    -- numbers
    target_minutes,
    -- flags
    coalesce(is_business_time, false) as is_business_time,
    -- times
    valid_from,
    valid_to
from ({{ in_force("stg_sla_policies", ["policy_id"]) }}) as rule
