select
    _record,
    account_no as customer_id,
    account_no as person_account_id,
    email as person_email,
    case email_verified when 'Y' then 'true' when 'N' then 'false' else email_verified end as person_email_verified,
    mobile as person_phone,
    name as person_name,
    country as person_country,
    case minor when 'Y' then 'true' when 'N' then 'false' else minor end as person_is_minor,
    'account' as customer_type,
    'web' as acquired_channel,
    parse_time(registered_at, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as first_seen_at,
    parse_time(updated_at, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as updated_at
from accounts
