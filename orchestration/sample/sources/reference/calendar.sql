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
    parse_iso(updated_at) as updated_at
from calendars
