-- One row per label of a scale, whatever its case: the shipped scales, overridden by what a company or a source
-- declares.
with
    candidates as (
        select scale_id, label, score, scale_min, scale_max, is_satisfied, is_easy, language, 2 as choice_order
        from {{ ref("scales") }}
        union all
        select
            scale_id,
            label,
            score,
            scale_min,
            scale_max,
            is_satisfied,
            is_easy,
            language,
            case when source = 'reference' then 0 else 1 end as choice_order
        from {{ ref("stg_scales") }}
        where is_current
    ),

    ranked as (
        select *, row_number() over (partition by scale_id, lower(label) order by choice_order, score) as choice
        from candidates
    )

select scale_id, label, language, score, scale_min, scale_max, is_satisfied, is_easy
from ranked
where choice = 1
