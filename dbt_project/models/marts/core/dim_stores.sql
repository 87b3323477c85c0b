-- One row per shop or other place of business; a reference file overrides what a vendor delivers.
select store_id, source, name_zh, name_en, region, country, timezone, opened_on
from
    (
        select
            *,
            row_number() over (
                partition by store_id
                order by case when source = 'reference' then 0 else 1 end, updated_at desc nulls last, source
            ) as choice
        from {{ ref("stg_stores") }}
        where is_current
    ) as candidate
where choice = 1
