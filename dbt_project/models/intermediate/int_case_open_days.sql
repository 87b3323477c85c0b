-- One row per case and day of the reporting zone at whose end it is open. The last day of a source ends where it was
-- last observed; observed until midnight, that is the day before.
with
    sources as (
        select source, {{ local_date(add_minutes("observed_until", "-1.0 / 60")) }} as last_day
        from {{ ref("int_sources") }}
        where observed_until is not null
    ),
    stretches as (
        select
            case_key,
            source,
            change,
            moved_on as first_day,
            lead(moved_on) over (partition by case_key order by moved_at, turn) as next_day
        from {{ ref("int_case_movements") }}
    ),
    bounded as (
        select
            stretches.case_key,
            stretches.source,
            stretches.first_day,
            case
                when stretches.next_day is null or stretches.next_day > sources.last_day
                then sources.last_day
                else {{ add_days("stretches.next_day", -1) }}
            end as last_day
        from stretches
        inner join sources on sources.source = stretches.source
        where stretches.change = 1
    )
select case_key, source, day
from ({{ days_of("bounded", "first_day", "last_day", ["case_key", "source"]) }}) as days
