-- One row per product; a reference file overrides what a vendor delivers.
select product_id, source, name_zh, name_en, category, department, division, currency, price
from
    (
        select
            *,
            row_number() over (
                partition by product_id
                order by case when source = 'reference' then 0 else 1 end, updated_at desc nulls last, source
            ) as choice
        from {{ ref("stg_products") }}
        where is_current
    ) as candidate
where choice = 1
