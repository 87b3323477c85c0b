select
    _record,
    policy_id,
    rule_id,
    metric,
    priority,
    source as applies_to_source,
    target_minutes,
    is_business_time,
    calendar_id,
    pausing_statuses,
    stop_at,
    parse_iso(valid_from) as valid_from,
    parse_iso(updated_at) as updated_at
from sla_policies
