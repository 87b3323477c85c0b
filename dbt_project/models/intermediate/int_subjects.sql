-- One row per person and stretch of time: segment, place and contract of the customer record that leads for the person.
with
    chosen as (
        select subject_key, min(customer_key) as customer_key
        from {{ ref("dim_customers") }}
        where subject_key is not null and (segment is not null or region is not null or contract is not null)
        group by subject_key
    )

select
    -- ids
    customer.subject_key,
    -- text
    customer.segment,
    customer.region,
    customer.contract,
    customer.language,
    -- times
    case
        when row_number() over (partition by customer.subject_key order by customer.valid_from) > 1
        then customer.valid_from
        else timestamp '1900-01-01'
    end as valid_from,
    coalesce(customer.valid_to, timestamp '9999-01-01') as valid_to
from {{ ref("dim_customers") }} as customer
inner join chosen on customer.customer_key = chosen.customer_key
