select
    _record,
    raw ->> 'id' as consent_id,
    raw ->> 'customerId' as person_account_id,
    raw ->> 'purpose' as purpose,
    raw ->> 'action' as action,
    raw ->> 'type' as consent_type,
    raw ->> 'notice' as notice_version,
    raw ->> 'via' as collected_via,
    raw ->> 'evidence' as evidence_id,
    parse_iso(raw ->> 'givenAt') as given_at,
    parse_iso(raw ->> 'expiresAt') as expires_at
from consents
