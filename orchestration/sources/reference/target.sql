select
    _record,
    target_id,
    metric_id,
    variant,
    breakdown,
    member,
    target_value,
    valid_from,
    valid_to,
    owner,
    reason,
    source_version,
    parse_iso(updated_at) as updated_at
from targets
