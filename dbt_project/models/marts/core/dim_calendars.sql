-- One row per weekly interval, exception or holiday of a calendar; a calendar in reference files hides a vendor's.
select
    -- ids
    calendar_id,
    entry_id,
    source,
    -- text
    entry_type,
    timezone,
    -- numbers
    weekday,
    start_minute,
    end_minute,
    -- times
    on_date,
    valid_from,
    valid_to
from ({{ in_force("stg_calendars", ["calendar_id"]) }}) as entry
