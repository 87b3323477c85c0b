-- One row per purchase: customer, day, number of CDs, dollars. The header line gives no row. 80 purchases cost
-- nothing.
with fields as (select _record, _file, _row, string_split_regex(trim(line), '\s+') as f from purchases)
select
    _record,
    _file || ':' || _row as order_id,
    f[1] as person_account_id,
    parse_time(f[2], '%Y%m%d', 'America/New_York') as ordered_at,
    'purchase' as order_type,
    f[4] as amount,
    'USD' as currency,
    f[3] as quantity,
    'web' as channel
from fields
where f[1] <> 'customer_id'
