select
    _record,
    raw ->> 'id' as customer_id,
    raw ->> 'id' as person_account_id,
    raw ->> 'email' as person_email,
    raw ->> 'verified' as person_email_verified,
    raw ->> 'phone' as person_phone,
    raw ->> 'name' as person_name,
    raw ->> 'country' as person_country,
    'person' as customer_type,
    parse_iso(raw ->> 'updated_at') as updated_at
from users
