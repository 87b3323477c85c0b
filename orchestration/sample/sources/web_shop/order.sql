-- Purchases and refunds from the orders, one row a billed month from the subscriptions. A member's order carries the
-- card number of the customer file, a guest's the number given at the checkout.
select
    _record,
    order_no as order_id,
    coalesce(account_no, account_ref('crm', member_no)) as person_account_id,
    guest_email as person_email,
    false as person_email_verified,
    guest_mobile as person_phone,
    country as person_country,
    parse_time(ordered_at, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as ordered_at,
    type as order_type,
    amount,
    currency,
    cost as cost_amount,
    qty as quantity,
    sku as product_id,
    store as store_id,
    channel,
    null as period_start,
    null as period_end,
    parse_time(updated_at, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as updated_at
from orders
union all by name
select
    _record,
    'S' || account_no || ':' || period_from as order_id,
    account_no as person_account_id,
    parse_time(billed_at, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as ordered_at,
    'subscription' as order_type,
    price as amount,
    currency,
    'web' as channel,
    period_from as period_start,
    period_to as period_end
from subscriptions
