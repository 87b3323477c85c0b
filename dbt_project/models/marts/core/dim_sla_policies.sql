-- One row per rule of an SLA policy; a policy in reference files hides a vendor's.
with
    chosen as (
        select policy_id, min(case when source = 'reference' then 0 else 1 end) as is_vendor
        from {{ ref("stg_sla_policies") }}
        where is_current
        group by policy_id
    )

select
    -- ids
    rule.policy_id,
    rule.rule_id,
    rule.source,
    rule.calendar_id,
    -- text
    rule.metric,
    rule.priority,
    rule.applies_to_source,
    rule.applies_to_channel,
    rule.pausing_statuses,
    rule.stop_at,
    -- numbers
    rule.target_minutes,
    -- flags
    coalesce(rule.is_business_time, false) as is_business_time,
    -- times
    rule.valid_from,
    rule.valid_to
from {{ ref("stg_sla_policies") }} as rule
inner join chosen on rule.policy_id = chosen.policy_id
where rule.is_current and (rule.source = 'reference' or chosen.is_vendor = 1)
