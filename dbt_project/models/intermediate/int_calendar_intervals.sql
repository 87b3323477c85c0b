-- One row per calendar and stretch of business time, in UTC, with the running total of minutes before it.
-- A day named by an exception or a holiday has no weekly shifts; an exception brings its own hours (a working
-- Saturday), also where the day is a holiday too. A shift that ends at or before its start runs into the next day,
-- whatever that day is.
with
    entries as (select * from {{ ref("dim_calendars") }}),
    span as (
        select
            *,
            cast({{ add_minutes("first_at", "-2 * 1440") }} as date) as first_day,
            cast({{ add_minutes("last_at", "2 * 1440") }} as date) as last_day
        from {{ ref("int_calendar_span") }}
    ),
    days as ({{ days_of("span", "first_day", "last_day") }}),
    weekdays as (select day, {{ iso_weekday("day") }} as weekday from days),
    special_days as (
        select calendar_id, on_date
        from entries
        where entry_type in ('exception', 'holiday')
        group by calendar_id, on_date
    ),
    shifts as (
        select entries.calendar_id, entries.timezone, weekdays.day, entries.start_minute, entries.end_minute
        from entries
        inner join
            weekdays
            on weekdays.weekday = entries.weekday
            and (entries.valid_from is null or weekdays.day >= entries.valid_from)
            and (entries.valid_to is null or weekdays.day < entries.valid_to)
        left join special_days on special_days.calendar_id = entries.calendar_id and special_days.on_date = weekdays.day
        where entries.entry_type = 'interval' and special_days.on_date is null
        union all
        select entries.calendar_id, entries.timezone, weekdays.day, entries.start_minute, entries.end_minute
        from entries
        inner join weekdays on weekdays.day = entries.on_date
        where entries.entry_type = 'exception'
    ),
    local_shifts as (
        select
            calendar_id,
            timezone,
            {{ add_minutes("cast(day as timestamp)", "start_minute") }} as starts_at,
            {{
                add_minutes(
                    "cast(day as timestamp)",
                    "case when end_minute <= start_minute then end_minute + 1440 else end_minute end",
                )
            }} as ends_at
        from shifts
        where start_minute is not null and end_minute is not null
    ),
    stretches as (
        select
            calendar_id,
            {{ to_utc("starts_at", "timezone") }} as starts_at,
            {{ to_utc("ends_at", "timezone") }} as ends_at
        from local_shifts
        union all
        select '{{ around_the_clock() }}' as calendar_id, first_at, last_at
        from span
    ),
    -- overlapping and touching shifts become one stretch, so that no minute counts twice
    reaches as (
        select
            *,
            max(ends_at) over (
                partition by calendar_id order by starts_at, ends_at rows between unbounded preceding and 1 preceding
            ) as reached_at
        from stretches
        where starts_at < ends_at
    ),
    numbered as (
        select
            *,
            sum(case when reached_at is null or starts_at > reached_at then 1 else 0 end) over (
                partition by calendar_id order by starts_at, ends_at rows unbounded preceding
            ) as stretch
        from reaches
    ),
    intervals as (
        select calendar_id, min(starts_at) as starts_at, max(ends_at) as ends_at
        from numbered
        group by calendar_id, stretch
    ),
    measured as (select *, {{ minutes_between("starts_at", "ends_at") }} as minutes from intervals)
select
    calendar_id,
    starts_at,
    ends_at,
    minutes,
    coalesce(
        sum(minutes) over (
            partition by calendar_id order by starts_at rows between unbounded preceding and 1 preceding
        ),
        0
    ) as minutes_before,
    coalesce(
        lead(starts_at) over (partition by calendar_id order by starts_at), timestamp '9999-12-31 00:00:00'
    ) as next_starts_at
from measured
