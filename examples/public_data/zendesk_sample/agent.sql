-- One row per member of staff.
select
    _record,
    id as agent_id,
    name as agent_name,
    email as agent_email,
    role,
    parse_time(updated_at, '%Y-%m-%d %H:%M:%S', 'UTC') as updated_at
from users
where role in ('agent', 'admin')
