-- One row per metric (first_reply, resolution) and current case: how long it took, or has been awaited, in minutes of
-- the wall clock and of the case's calendar; is_event tells which.
-- Calendar: the one that an SLA rule of the metric names for such cases (of whatever priority), else the one named as
-- the source, else the one named 'default'; none = business time is not measurable. A case closed without reply or
-- resolution is awaited until it was closed, an open one until its source was last observed. Merged and spam cases,
-- and milestones that the source never tells, are not here; negative durations are, to be counted as findings.
with
    cases as (
        select
            *,
            not is_merged and not is_spam and not is_end_unknown as is_in_cohort,
            case when closed_at < observed_until then closed_at else observed_until end as left_at
        from {{ ref("int_case_milestones") }}
    ),
    calendars as (select calendar_id from {{ ref("int_calendar_intervals") }} group by calendar_id),
    rules as (
        select cases.case_key, policies.metric, min(policies.calendar_id) as calendar_id
        from cases
        inner join
            {{ ref("dim_sla_policies") }} as policies
            on (policies.applies_to_source is null or policies.applies_to_source = cases.source)
            and (policies.applies_to_channel is null or policies.applies_to_channel = cases.channel)
            and (policies.valid_from is null or policies.valid_from <= cases.opened_at)
            and (policies.valid_to is null or policies.valid_to > cases.opened_at)
        inner join calendars on calendars.calendar_id = policies.calendar_id
        where policies.metric in ('first_reply', 'resolution')
        group by cases.case_key, policies.metric
    ),
    spans as (
        select
            'first_reply' as metric,
            case_key,
            source,
            opened_at,
            first_replied_at is not null as is_event,
            coalesce(first_replied_at, left_at) as until_at
        from cases
        where is_in_cohort and is_reply_told
        union all
        select
            'resolution',
            case_key,
            source,
            opened_at,
            first_resolved_at is not null,
            coalesce(first_resolved_at, left_at)
        from cases
        where is_in_cohort and is_resolution_told
    ),
    placed as (
        select spans.*, coalesce(rules.calendar_id, own.calendar_id, house.calendar_id) as calendar_id
        from spans
        left join rules on rules.case_key = spans.case_key and rules.metric = spans.metric
        left join calendars as own on own.calendar_id = spans.source
        left join calendars as house on house.calendar_id = 'default'
    ),
    opened as (
        select placed.*, {{ total_at("opening", "placed.calendar_id", "placed.opened_at") }} as total_at_opening
        from placed {{ join_interval("opening", "placed.calendar_id", "placed.opened_at") }}
    )
select
    opened.metric,
    opened.case_key,
    opened.source,
    opened.calendar_id,
    opened.is_event,
    opened.opened_at,
    opened.until_at,
    {{ minutes_between("opened.opened_at", "opened.until_at") }} as calendar_minutes,
    {{ total_at("ending", "opened.calendar_id", "opened.until_at") }} - opened.total_at_opening as business_minutes
from opened {{ join_interval("ending", "opened.calendar_id", "opened.until_at") }}
