-- One row per shop or other place of business; a reference file overrides what a vendor delivers.
select store_id, source, name_zh, name_en, region, country, timezone, opened_on
from
    (
        select *, row_number() over (partition by store_id order by updated_at desc nulls last, source) as choice
        from ({{ in_force("stg_stores", ["store_id"]) }}) as store
    ) as candidate
where choice = 1
