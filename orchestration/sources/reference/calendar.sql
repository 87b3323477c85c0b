select
    _record,
    calendar_id,
    entry_id,
    entry_type,
    timezone,
    weekday,
    on_date,
    start_minute,
    end_minute,
    valid_from,
    valid_to,
    source_version,
    parse_iso(updated_at) as updated_at
from calendars
