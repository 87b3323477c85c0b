select
    _record,
    policy_id,
    rule_id,
    metric,
    priority,
    applies_to_source,
    applies_to_channel,
    target_minutes,
    is_business_time,
    calendar_id,
    pausing_statuses,
    stop_at,
    parse_iso(valid_from) as valid_from,
    parse_iso(valid_to) as valid_to,
    source_version,
    parse_iso(updated_at) as updated_at
from sla_policies
