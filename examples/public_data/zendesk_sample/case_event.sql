-- One row per change of a ticket's status, priority or assignee, and per comment. Lines of the history that repeat
-- exactly are one event. A comment by a known agent goes out, any other comes in.
with
    status_history as (
        select
            *,
            case
                value when 'solved' then 'resolved' when 'hold' then 'on_hold' when 'on-hold' then 'on_hold' else value
            end as status
        from field_history
        where field_name = 'status'
    ),
    status_changes as (
        select *, lag(status) over (partition by ticket_id order by updated, _row) as previous_status
        from status_history
    ),
    priority_changes as (
        select *, lag(value) over (partition by ticket_id order by updated, _row) as previous_priority
        from field_history
        where field_name = 'priority'
    )
select
    _record,
    ticket_id || ':status:' || updated || ':' || value as event_id,
    ticket_id as case_id,
    parse_time(updated, '%Y-%m-%d %H:%M:%S', 'UTC') as occurred_at,
    case
        when status = 'resolved'
        then 'resolved'
        when status = 'closed'
        then 'closed'
        when previous_status in ('resolved', 'closed')
        then 'reopened'
        else 'status'
    end as event_type,
    null as author_role,
    null as agent_id,
    nullif(previous_status, status) as from_value,
    status as to_value,
    null as is_public,
    null as text
from status_changes

union all

select
    _record,
    ticket_id || ':priority:' || updated || ':' || value as event_id,
    ticket_id as case_id,
    parse_time(updated, '%Y-%m-%d %H:%M:%S', 'UTC') as occurred_at,
    'priority_changed' as event_type,
    null as author_role,
    null as agent_id,
    previous_priority as from_value,
    value as to_value,
    null as is_public,
    null as text
from priority_changes

union all

select
    _record,
    ticket_id || ':assignee:' || updated || ':' || value as event_id,
    ticket_id as case_id,
    parse_time(updated, '%Y-%m-%d %H:%M:%S', 'UTC') as occurred_at,
    'assigned' as event_type,
    null as author_role,
    value as agent_id,
    null as from_value,
    null as to_value,
    null as is_public,
    null as text
from field_history
where field_name = 'assignee_id'

union all

select
    c._record,
    'comment:' || c.id as event_id,
    c.ticket_id as case_id,
    parse_time(c.created, '%Y-%m-%d %H:%M:%S', 'UTC') as occurred_at,
    case
        when c.public = 'FALSE' then 'note' when u.role in ('agent', 'admin') then 'message_out' else 'message_in'
    end as event_type,
    case when u.role in ('agent', 'admin') then 'agent' when u.role = 'end-user' then 'customer' end as author_role,
    case when u.role in ('agent', 'admin') then c.user_id end as agent_id,
    null as from_value,
    null as to_value,
    lower(c.public) as is_public,
    c.body as text
from comments as c
left join users as u on u.id = c.user_id
