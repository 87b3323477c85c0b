-- One row per ticket. Deleted tickets are tombstones (deletion.sql), not cases.
select
    t._record,
    t.id as case_id,
    t.requester_id as person_account_id,
    u.name as person_name,
    parse_time(t.created_at, '%Y-%m-%d %H:%M:%S', 'UTC') as opened_at,
    t.via_channel as channel,
    case t.type when 'problem' then 'incident' when 'task' then 'other' else t.type end as case_type,
    t.priority,
    case
        t.status when 'solved' then 'resolved' when 'hold' then 'on_hold' when 'on-hold' then 'on_hold' else t.status
    end as status,
    g.name as team,
    t.assignee_id as agent_id,
    true as calls_for_handling,
    t.subject as title,
    t.description as text,
    parse_time(t.updated_at, '%Y-%m-%d %H:%M:%S', 'UTC') as updated_at
from tickets as t
left join users as u on u.id = t.requester_id
left join groups as g on g.id = t.group_id
where t.status is distinct from 'deleted'
