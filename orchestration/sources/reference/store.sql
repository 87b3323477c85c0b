select
    _record,
    store_id,
    name_zh,
    name_en,
    region,
    country,
    timezone,
    opened_on,
    source_version,
    parse_iso(updated_at) as updated_at
from stores
