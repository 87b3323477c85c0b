-- One row per case and stretch of one status, [starts_at, ends_at); the last stretch ends where the source was last
-- observed.
-- Told by the case's events where it has any, else by its versions and its own declared times.
with
    cases as (
        select cases.*, sources.observed_until
        from {{ ref("stg_cases") }} as cases
        inner join {{ ref("int_sources") }} as sources on sources.source = cases.source
        where cases.is_current
    ),
    events as (
        select
            case_key,
            occurred_at,
            sequence,
            event_type,
            case
                when event_type = 'opened'
                then 'new'
                when event_type = 'reopened'
                then 'open'
                when event_type = 'status'
                then to_value
                when event_type = 'merged'
                then 'closed'
                else event_type
            end as status
        from {{ ref("stg_case_events") }}
        where is_current and event_type in ('opened', 'status', 'resolved', 'reopened', 'closed', 'merged')
    ),
    cases_with_events as (select case_key from events where event_type <> 'opened' group by case_key),
    changes as (
        select
            events.case_key,
            case
                when events.occurred_at < cases.opened_at then cases.opened_at else events.occurred_at
            end as changed_at,
            case when events.event_type = 'opened' then 0 else 1 end as step,
            coalesce(events.sequence, 0) as sequence,
            case when events.event_type = 'status' then 0 else 1 end as substep,
            events.status
        from events
        inner join cases_with_events on cases_with_events.case_key = events.case_key
        inner join cases on cases.case_key = events.case_key
        where events.status is not null
        union all
        select case_key, opened_at, -1, 0, 0, 'new'
        from cases
        union all
        select
            versions.case_key,
            case when versions.updated_at < cases.opened_at then cases.opened_at else versions.updated_at end,
            1,
            coalesce(versions.source_version, 0),
            0,
            versions.status
        from {{ ref("stg_cases") }} as versions
        inner join cases on cases.case_key = versions.case_key
        left join cases_with_events on cases_with_events.case_key = versions.case_key
        where
            cases_with_events.case_key is null
            and versions.withheld_reason is null
            and versions.updated_at is not null
            and versions.status is not null
    ),
    -- declared times stand in where neither events nor versions show the case reach that state
    seen as (
        select
            case_key,
            max(case when status = 'resolved' then 1 else 0 end) as has_resolved,
            max(case when status = 'closed' then 1 else 0 end) as has_closed
        from changes
        group by case_key
    ),
    all_changes as (
        select *
        from changes
        union all
        select cases.case_key, cases.resolved_at, 1, 0, 1, 'resolved'
        from cases
        inner join seen on seen.case_key = cases.case_key
        where
            seen.has_resolved = 0
            and cases.resolved_at >= cases.opened_at
            and coalesce(cases.status, 'resolved') in ('resolved', 'closed')
        union all
        select cases.case_key, cases.closed_at, 2, 0, 0, 'closed'
        from cases
        inner join seen on seen.case_key = cases.case_key
        where seen.has_closed = 0 and cases.closed_at >= cases.opened_at and coalesce(cases.status, 'closed') = 'closed'
    ),
    ordered as (
        select
            *,
            lag(status) over (
                partition by case_key order by changed_at, step, sequence, substep, status
            ) as previous_status
        from all_changes
    ),
    -- a change into the same status is no change
    turns as (
        select
            *,
            row_number() over (partition by case_key order by changed_at, step, sequence, substep, status) as turn,
            lead(changed_at) over (
                partition by case_key order by changed_at, step, sequence, substep, status
            ) as next_changed_at
        from ordered
        where previous_status is null or previous_status <> status
    )
select
    turns.case_key,
    cases.source,
    turns.turn,
    turns.status,
    turns.changed_at as starts_at,
    coalesce(turns.next_changed_at, cases.observed_until) as ends_at,
    turns.next_changed_at is null as is_last,
    cases_with_events.case_key is not null as is_told_by_events
from turns
inner join cases on cases.case_key = turns.case_key
left join cases_with_events on cases_with_events.case_key = turns.case_key
