-- One row per dated review: how long its answer took, or has been awaited, since its author's last word (posted or last
-- edited), in minutes of the wall clock and of a calendar (the one named as the source, else the one named 'default').
-- A reply older than the last edit gives negative minutes: no reply time, but a finding.
with
    calendars as (select calendar_id from {{ ref("int_calendar_intervals") }} group by calendar_id),

    spans as (
        select
            review.review_key,
            coalesce(own.calendar_id, house.calendar_id) as calendar_id,
            review.replied_at is not null as is_event,
            coalesce(review.edited_at, review.posted_at) as awaited_from,
            coalesce(review.replied_at, sources.observed_until) as until_at,
            sources.observed_until
        from {{ ref("fct_reviews") }} as review
        inner join {{ ref("int_sources") }} as sources on review.source = sources.source
        left join calendars as own on review.source = own.calendar_id
        left join calendars as house on house.calendar_id = 'default'
        where review.posted_at is not null
    ),

    opened as (
        select spans.*, {{ total_at("opening", "spans.calendar_id", "spans.awaited_from") }} as total_at_opening
        from spans {{ join_interval("opening", "spans.calendar_id", "spans.awaited_from") }}
    )

select
    -- ids
    opened.review_key,
    opened.calendar_id,
    -- numbers
    {{ minutes_between("opened.awaited_from", "opened.until_at") }} as calendar_minutes,
    {{ total_at("ending", "opened.calendar_id", "opened.until_at") }} - opened.total_at_opening as business_minutes,
    {{ minutes_between("opened.awaited_from", "opened.observed_until") }} as observed_minutes,
    -- flags
    opened.is_event
from opened {{ join_interval("ending", "opened.calendar_id", "opened.until_at") }}
