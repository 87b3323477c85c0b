select
    _record,
    raw ->> 'id' as invitation_id,
    account_ref('crm', raw ->> 'member_no') as person_account_id,
    raw ->> 'country' as person_country,
    raw ->> 'minor' as person_is_minor,
    raw ->> 'form' as survey_id,
    raw ->> 'channel' as channel,
    raw ->> 'store' as store_id,
    parse_iso(raw ->> 'sent') as sent_at,
    parse_iso(raw ->> 'delivered') as delivered_at,
    parse_iso(raw ->> 'bounced') as bounced_at,
    parse_iso(raw ->> 'opened') as opened_at,
    parse_iso(raw ->> 'started') as started_at,
    parse_iso(raw ->> 'completed') as completed_at,
    raw ->> 'gift' as incentive_type,
    raw ->> 'entry' as response_id,
    greatest(
        parse_iso(raw ->> 'sent'),
        coalesce(parse_iso(raw ->> 'completed'), ''),
        coalesce(parse_iso(raw ->> 'started'), '')
    ) as updated_at
from invitations
