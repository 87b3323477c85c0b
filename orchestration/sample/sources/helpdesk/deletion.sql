select
    _record,
    'ticket-' || (raw ->> 'id') as deletion_id,
    'case' as deleted_kind,
    record_ref('helpdesk', 'case', raw ->> 'id') as deleted_id,
    parse_iso(raw ->> 'updated_at') as deleted_at,
    'source' as reason
from tickets
where (raw ->> 'status') = 'deleted'
