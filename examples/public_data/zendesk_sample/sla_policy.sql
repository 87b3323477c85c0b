-- One row per rule of a policy in one stretch of validity: a newer update of the same rule ends the older one.
-- 'medium' is no priority of Zendesk's: those rules are rejected and counted.
select
    _record,
    sla_policy_id as policy_id,
    metric || ':' || priority || ':' || left(sla_policy_updated_at, 10) as rule_id,
    case
        metric
        when 'first_reply_time'
        then 'first_reply'
        when 'next_reply_time'
        then 'next_reply'
        when 'requester_wait_time'
        then 'requester_wait'
        when 'agent_work_time'
        then 'agent_work'
        when 'periodic_update_time'
        then 'periodic_update'
        else metric
    end as metric,
    priority,
    'zendesk_sample' as applies_to_source,
    target as target_minutes,
    lower(business_hours) as is_business_time,
    case when business_hours = 'TRUE' then '360000310393' end as calendar_id,
    case when metric = 'requester_wait_time' then ['pending'] end as pausing_statuses,
    'first' as stop_at,
    parse_time(sla_policy_updated_at, '%Y-%m-%d %H:%M:%S', 'UTC') as valid_from,
    parse_time(
        lead(sla_policy_updated_at) over (partition by sla_policy_id, metric, priority order by sla_policy_updated_at),
        '%Y-%m-%d %H:%M:%S',
        'UTC'
    ) as valid_to,
    parse_time(sla_policy_updated_at, '%Y-%m-%d %H:%M:%S', 'UTC') as updated_at
from sla_rules
