-- One row per customer, first seen with the first purchase.
with fields as (select _record, string_split_regex(trim(line), '\s+') as f from purchases)
select
    min(_record) as _record,
    f[1] as customer_id,
    f[1] as person_account_id,
    'person' as customer_type,
    parse_time(min(f[2]), '%Y%m%d', 'America/New_York') as first_seen_at
from fields
where f[1] <> 'customer_id'
group by f[1]
