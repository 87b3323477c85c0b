select
    _record,
    raw ->> 'id' as deletion_id,
    'person' as deleted_kind,
    raw ->> 'customerId' as person_account_id,
    parse_iso(raw ->> 'requestedAt') as deleted_at,
    'request' as reason
from erasures
