-- One row per weekly interval of a schedule, and per day of a holiday. Minutes count from Sunday midnight, local time.
-- The holidays belong to a schedule that is not delivered: its zone is unknown, so the source's own stands in.
with
    shifts as (
        select
            *,
            case time_zone when 'Pacific Time (US & Canada)' then 'America/Los_Angeles' else time_zone end as zone,
            cast(floor(try_cast(start_time as integer) / 1440) as integer) as days_after_sunday
        from schedules
    ),
    zones as (select id, max(zone) as zone from shifts group by id)
select
    _record,
    id as calendar_id,
    'week:' || start_time as entry_id,
    'interval' as entry_type,
    zone as timezone,
    (days_after_sunday + 6) % 7 + 1 as weekday,
    null as on_date,
    try_cast(start_time as integer) - 1440 * days_after_sunday as start_minute,
    try_cast(end_time as integer) - 1440 * days_after_sunday as end_minute
from shifts

union all

select
    h._record,
    h.schedule_id as calendar_id,
    'holiday:' || h.id || ':' || day::date as entry_id,
    'holiday' as entry_type,
    coalesce(z.zone, 'UTC') as timezone,
    null as weekday,
    day::date::varchar as on_date,
    null as start_minute,
    null as end_minute
from holidays as h
left join zones as z on z.id = h.schedule_id
cross join
    unnest(
        generate_series(try_cast(h.start_date as timestamp), try_cast(h.end_date as timestamp), interval 1 day)
    ) as days(day)
