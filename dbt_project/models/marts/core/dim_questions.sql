-- One row per survey item and source that asks it; a reference file overrides what the source delivers.
with
    asked as (
        select distinct source, survey_id
        from {{ ref("stg_survey_answers") }}
        where is_current
        union
        select distinct source, survey_id
        from {{ ref("stg_survey_invitations") }}
        where is_current
        union
        select distinct source, survey_id
        from {{ ref("stg_questions") }}
        where is_current and source <> 'reference'
    ),

    candidates as (
        select
            question.*,
            asked.source as asking_source,
            row_number() over (
                partition by asked.source, question.survey_id, question.question_id
                order by case when question.source = 'reference' then 0 else 1 end
            ) as choice
        from {{ ref("stg_questions") }} as question
        inner join asked on question.survey_id = asked.survey_id and question.source in (asked.source, 'reference')
        where question.is_current
    )

select
    -- ids
    asking_source as source,
    survey_id,
    question_id,
    scale_id,
    -- text
    survey_name_zh,
    survey_name_en,
    metric,
    answer_type,
    no_answer_codes,
    text_zh,
    text_en,
    theme,
    -- numbers
    scale_min,
    scale_max,
    position,
    -- flags
    coalesce(is_effort_worded, false) as is_effort_worded
from candidates
where choice = 1
