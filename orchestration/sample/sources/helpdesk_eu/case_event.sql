select
    _record,
    entry as event_id,
    ticket as case_id,
    requester as person_account_id,
    parse_time("at", '%d.%m.%Y %H:%M:%S', 'Europe/Berlin') as occurred_at,
    position as sequence,
    what as event_type,
    who as author_role,
    record_ref('directory', 'agent.id', staff) as agent_id,
    before as from_value,
    after as to_value,
    public as is_public,
    automatic as is_automatic,
    what = 'message_out' and who = 'agent' as is_substantive,
    body as text
from history
