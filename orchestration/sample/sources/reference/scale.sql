select
    _record, scale_id, label, score, scale_min, scale_max, is_satisfied, language, parse_iso(updated_at) as updated_at
from scales
