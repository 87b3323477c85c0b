-- One row per kind of activity, source, person and boundary day at which the person is active; boundaries are the
-- first days of months, the day on which the source was last observed, and 90 days before that.
-- purchase: bought within the 90 days before the boundary. subscription: a paid period covers the boundary;
-- monthly_amount is what those periods cost a month.
with
    orders as (
        select
            source,
            subject_key,
            order_type,
            {{ local_date("ordered_at") }} as day,
            amount,
            currency,
            period_start,
            period_end
        from {{ ref("stg_orders") }}
        where is_current and subject_key is not null and order_type in ('purchase', 'subscription')
    ),
    purchases as (
        select source, subject_key, day from orders where order_type = 'purchase' group by source, subject_key, day
    ),
    subscriptions as (
        select
            *, amount / greatest(1, round({{ days_between("period_start", "period_end") }} / 30.4375)) as monthly_amount
        from orders
        where order_type = 'subscription' and period_start < period_end
    ),
    spans as (
        select
            orders.source,
            min(least(orders.day, coalesce(orders.period_start, orders.day))) as first_day,
            max({{ local_date("sources.observed_until") }}) as last_day
        from orders
        inner join {{ ref("int_sources") }} as sources on sources.source = orders.source
        group by orders.source
    ),
    days as ({{ days_of("spans", "first_day", "last_day", ["source", "last_day"]) }}),
    boundaries as (
        select source, day as boundary, last_day
        from days
        where extract(day from day) = 1 or day = last_day or day = {{ add_days("last_day", -90) }}
    ),
    active as (
        select
            'purchase' as activity,
            boundaries.source,
            purchases.subject_key,
            boundaries.boundary,
            boundaries.last_day,
            cast(null as {{ type_double() }}) as monthly_amount,
            cast(null as {{ dbt.type_string() }}) as currency
        from purchases
        inner join
            boundaries
            on boundaries.source = purchases.source
            and boundaries.boundary > purchases.day
            and boundaries.boundary <= {{ add_days("purchases.day", 90) }}
        union all
        select
            'subscription',
            boundaries.source,
            subscriptions.subject_key,
            boundaries.boundary,
            boundaries.last_day,
            subscriptions.monthly_amount,
            subscriptions.currency
        from subscriptions
        inner join
            boundaries
            on boundaries.source = subscriptions.source
            and boundaries.boundary >= subscriptions.period_start
            and boundaries.boundary < subscriptions.period_end
    )
select
    activity,
    source,
    subject_key,
    boundary,
    last_day,
    sum(monthly_amount) as monthly_amount,
    -- a person who pays in two currencies has no one monthly amount
    case when count(distinct currency) = 1 then max(currency) end as currency
from active
group by activity, source, subject_key, boundary, last_day
