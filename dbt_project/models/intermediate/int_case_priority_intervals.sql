-- One row per case and stretch of one priority, [starts_at, ends_at): by its events, else by its versions, else as it
-- stands.
with
    cases as (
        select cases.case_key, cases.priority, cases.opened_at, sources.observed_until
        from {{ ref("stg_cases") }} as cases
        inner join {{ ref("int_sources") }} as sources on sources.source = cases.source
        where cases.is_current
    ),
    told as (
        select
            case_key,
            occurred_at,
            coalesce(sequence, 0) as sequence,
            from_value,
            to_value,
            row_number() over (partition by case_key order by occurred_at, sequence, event_key) as nr
        from {{ ref("stg_case_events") }}
        where is_current and event_type = 'priority_changed'
    ),
    versions as (
        select
            case_key,
            updated_at,
            coalesce(source_version, 0) as source_version,
            priority,
            row_number() over (partition by case_key order by updated_at, source_version, version_rank desc) as nr
        from {{ ref("stg_cases") }}
        where withheld_reason is null and updated_at is not null
    ),
    changes as (
        -- the first stretch begins with the case, whenever its priority was first written down
        select
            cases.case_key,
            cases.opened_at as changed_at,
            -1 as sequence,
            coalesce(told.from_value, versions.priority, cases.priority) as priority
        from cases
        left join told on told.case_key = cases.case_key and told.nr = 1
        left join versions on versions.case_key = cases.case_key and versions.nr = 1 and told.case_key is null
        union all
        select
            told.case_key,
            case when told.occurred_at < cases.opened_at then cases.opened_at else told.occurred_at end,
            told.sequence,
            told.to_value
        from told
        inner join cases on cases.case_key = told.case_key
        union all
        select
            versions.case_key,
            case when versions.updated_at < cases.opened_at then cases.opened_at else versions.updated_at end,
            versions.source_version,
            versions.priority
        from versions
        inner join cases on cases.case_key = versions.case_key
        left join told on told.case_key = versions.case_key and told.nr = 1
        where told.case_key is null and versions.nr > 1
    ),
    ordered as (
        select
            *,
            lag(priority) over (partition by case_key order by changed_at, sequence) as previous_priority,
            row_number() over (partition by case_key order by changed_at, sequence) as nr
        from changes
    ),
    turns as (
        select *, lead(changed_at) over (partition by case_key order by changed_at, sequence) as next_changed_at
        from ordered
        where nr = 1 or coalesce(priority, '') <> coalesce(previous_priority, '')
    )
select
    turns.case_key,
    row_number() over (partition by turns.case_key order by turns.nr) as turn,
    turns.priority,
    turns.changed_at as starts_at,
    coalesce(turns.next_changed_at, cases.observed_until) as ends_at,
    turns.next_changed_at is null as is_last
from turns
inner join cases on cases.case_key = turns.case_key
