select
    _record,
    scale_id,
    label,
    score,
    scale_min,
    scale_max,
    is_satisfied,
    is_easy,
    language,
    source_version,
    parse_iso(updated_at) as updated_at
from scales
