-- One row per weekly interval, exception or holiday of a calendar; a calendar in reference files hides a vendor's.
with
    chosen as (
        select calendar_id, min(case when source = 'reference' then 0 else 1 end) as is_vendor
        from {{ ref("stg_calendars") }}
        where is_current
        group by calendar_id
    )

select
    -- ids
    entry.calendar_id,
    entry.entry_id,
    entry.source,
    -- text
    entry.entry_type,
    entry.timezone,
    -- numbers
    entry.weekday,
    entry.start_minute,
    entry.end_minute,
    -- times
    entry.on_date,
    entry.valid_from,
    entry.valid_to
from {{ ref("stg_calendars") }} as entry
inner join chosen on entry.calendar_id = chosen.calendar_id
where entry.is_current and (entry.source = 'reference' or chosen.is_vendor = 1)
