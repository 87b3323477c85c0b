-- The helpdesk logs changes of fields and comments; what they mean follows from field, old and new value.
with
    logged as (
        select
            *,
            raw ->> 'type' as type,
            raw ->> 'field' as field,
            raw ->> 'previous_value' as old_value,
            raw ->> 'value' as new_value,
            raw ->> '$.author.role' as role,
            (raw ->> 'public') = 'true' as is_public
        from ticket_events
    )
select
    _record,
    raw ->> 'id' as event_id,
    raw ->> 'ticket_id' as case_id,
    raw ->> '$.author.requester_id' as person_account_id,
    parse_iso(raw ->> 'created_at') as occurred_at,
    (raw ->> 'id')::bigint % 32 as sequence,
    case
        when type = 'Create'
        then 'opened'
        when type = 'Comment' and not is_public
        then 'note'
        when type = 'Comment' and role = 'end-user'
        then 'message_in'
        when type = 'Comment'
        then 'message_out'
        when field = 'status' and new_value = 'resolved'
        then 'resolved'
        when field = 'status' and old_value = 'resolved' and new_value = 'open'
        then 'reopened'
        when field = 'status' and new_value = 'closed'
        then 'closed'
        when field = 'status'
        then 'status'
        when field = 'category'
        then 'classified'
        when field = 'priority'
        then 'priority_changed'
        when field = 'group'
        then 'assigned'
        else type
    end as event_type,
    case role when 'end-user' then 'customer' else role end as author_role,
    record_ref('directory', 'agent.id', raw ->> '$.author.staff_id') as agent_id,
    old_value as from_value,
    new_value as to_value,
    is_public,
    raw ->> 'automatic' as is_automatic,
    type = 'Comment' and is_public and role = 'agent' as is_substantive,
    raw ->> 'channel' as channel,
    raw ->> 'body' as text
from logged
