-- One row per change between two lines of an incident: opened, status, priority, team, assignee.
-- Lines follow each other as the log has them: on 5 incidents both sys_mod_count and sys_updated_at step back on a
-- line, and either order would make up a reopening. State '-100' is carried over. An incident closed without ever
-- having been resolved is resolved by its closing (13 incidents).
with
    mapped as (
        select
            *,
            parse_time(sys_updated_at, '%d/%m/%Y %H:%M', 'America/Sao_Paulo') as changed_at,
            case
                incident_state
                when 'New'
                then 'new'
                when 'Active'
                then 'open'
                when 'Awaiting User Info'
                then 'pending'
                when 'Awaiting Problem'
                then 'on_hold'
                when 'Awaiting Vendor'
                then 'on_hold'
                when 'Awaiting Evidence'
                then 'on_hold'
                when 'Resolved'
                then 'resolved'
                when 'Closed'
                then 'closed'
                when '-100'
                then null
                else incident_state
            end as state,
            case
                priority
                when '1 - Critical'
                then 'urgent'
                when '2 - High'
                then 'high'
                when '3 - Moderate'
                then 'normal'
                when '4 - Low'
                then 'low'
                else priority
            end as urgency,
            nullif(assignment_group, '?') as team,
            nullif(assigned_to, '?') as assignee
        from events
    ),
    carried as (
        select
            *,
            row_number() over log as position,
            coalesce(last_value(state ignore nulls) over log, 'new') as status,
            last_value(team ignore nulls) over log as known_team,
            last_value(assignee ignore nulls) over log as known_assignee
        from mapped
        window log as (partition by number order by _file, _row rows between unbounded preceding and current row)
    ),
    lines as (
        select
            *,
            lag(status, 1, 'new') over log as previous_status,
            coalesce(bool_or(status = 'resolved') over earlier, false) as was_resolved,
            lag(urgency) over log as previous_urgency,
            lag(known_team) over log as previous_team,
            lag(known_assignee) over log as previous_assignee
        from carried
        window
            log as (partition by number order by position),
            earlier as (partition by number order by position rows between unbounded preceding and 1 preceding)
    ),
    changes as (
        select *, 'opened' as event_type, 0 as sequence, null as from_value, null as to_value
        from lines
        where position = 1

        union all

        select
            *,
            case
                when status = 'resolved'
                then 'resolved'
                when status = 'closed'
                then 'closed'
                when previous_status in ('resolved', 'closed')
                then 'reopened'
                else 'status'
            end as event_type,
            3 as sequence,
            previous_status as from_value,
            status as to_value
        from lines
        where status <> previous_status

        union all

        select *, 'resolved' as event_type, 2 as sequence, previous_status as from_value, 'resolved' as to_value
        from lines
        where status = 'closed' and previous_status <> 'closed' and not was_resolved

        union all

        select *, 'priority_changed' as event_type, 1 as sequence, previous_urgency as from_value, urgency as to_value
        from lines
        where urgency <> previous_urgency

        union all

        select *, 'transferred' as event_type, 1 as sequence, previous_team as from_value, known_team as to_value
        from lines
        where known_team <> previous_team

        union all

        select *, 'assigned' as event_type, 1 as sequence, null as from_value, null as to_value
        from lines
        where known_assignee is distinct from previous_assignee and known_assignee is not null
    )
select
    _record,
    number || ':' || position || ':' || event_type as event_id,
    number as case_id,
    nullif(caller_id, '?') as person_account_id,
    case
        event_type when 'opened' then parse_time(opened_at, '%d/%m/%Y %H:%M', 'America/Sao_Paulo') else changed_at
    end as occurred_at,
    10 * position + sequence as sequence,
    event_type,
    known_assignee as agent_id,
    from_value,
    to_value,
    known_team as team,
    made_sla as is_sla_met,
from changes
