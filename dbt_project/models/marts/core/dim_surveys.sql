-- One row per survey and source that runs it.
select
    -- ids
    source,
    survey_id,
    -- text
    coalesce(max(survey_name_zh), survey_id) as name_zh,
    coalesce(max(survey_name_en), survey_id) as name_en,
    -- numbers
    count(*) as question_count,
    -- flags
    max(case when metric = 'nps' then 1 else 0 end) = 1 as has_nps,
    max(case when metric = 'csat' then 1 else 0 end) = 1 as has_csat,
    max(case when metric = 'ces' then 1 else 0 end) = 1 as has_ces
from {{ ref("dim_questions") }}
group by source, survey_id
