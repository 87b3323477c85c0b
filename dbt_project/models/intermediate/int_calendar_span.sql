-- One row: the stretch of time that calendars must cover, from the first event to the last one plus what falls due
-- later.
with
    instants as (
        select opened_at as instant
        from {{ ref("stg_cases") }}
        union all
        select occurred_at
        from {{ ref("stg_case_events") }}
        union all
        select posted_at
        from {{ ref("stg_reviews") }}
        union all
        select posted_at
        from {{ ref("stg_mentions") }}
        union all
        select observed_until
        from {{ ref("int_sources") }}
    ),
    -- a target of business minutes reaches about four times as far on the wall; six leaves room for long holidays
    longest_target as (select coalesce(max(target_minutes), 0) * 6 as minutes from {{ ref("stg_sla_policies") }}),
    bounds as (select min(instant) as first_at, max(instant) as last_event_at from instants)
select bounds.first_at, {{ add_minutes("bounds.last_event_at", "longest_target.minutes + 60 * 24 * 60") }} as last_at
from bounds
cross join longest_target
where bounds.first_at is not null
