-- One row per person, source that knows the person (null: any) and stretch of time: segment, place and contract of the
-- customer record that leads, and the channel the person came by. Of several records one that tells segment, place or
-- contract leads, then the one with the lowest key: which it is does not change with what becomes known of the others.
with
    told as (
        select
            source,
            subject_key,
            customer_key,
            max(
                case when segment is not null or region is not null or contract is not null then 1 else 0 end
            ) as describes,
            max(acquired_channel) as acquired_channel
        from {{ ref("dim_customers") }}
        where subject_key is not null
        group by source, subject_key, customer_key
    ),

    known as (
        select told.*, source as known_to
        from told
        union all
        select told.*, cast(null as {{ dbt.type_string() }})
        from told
    ),

    ranked as (
        select
            customer_key,
            subject_key,
            known_to,
            min(acquired_channel) over (partition by subject_key, known_to) as acquired_channel,
            row_number() over (partition by subject_key, known_to order by describes desc, customer_key) as place
        from known
    )

select
    -- ids
    customer.subject_key,
    ranked.known_to as source,
    -- text
    customer.segment,
    customer.region,
    customer.contract,
    ranked.acquired_channel,
    -- times
    case
        when row_number() over (partition by customer.subject_key, ranked.known_to order by customer.valid_from) > 1
        then customer.valid_from
        else timestamp '1900-01-01'
    end as valid_from,
    coalesce(customer.valid_to, timestamp '9999-01-01') as valid_to
from {{ ref("dim_customers") }} as customer
inner join ranked on customer.customer_key = ranked.customer_key and customer.subject_key = ranked.subject_key
where ranked.place = 1
