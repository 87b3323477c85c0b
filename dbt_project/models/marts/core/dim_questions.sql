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
    )

select
    -- ids
    asked.source,
    question.survey_id,
    question.question_id,
    question.scale_id,
    -- text
    question.survey_name_zh,
    question.survey_name_en,
    question.metric,
    question.answer_type,
    question.no_answer_codes,
    question.text_zh,
    question.text_en,
    question.theme,
    -- numbers
    question.scale_min,
    question.scale_max,
    question.position,
    -- flags
    coalesce(question.is_effort_worded, false) as is_effort_worded
from ({{ in_force("stg_questions", ["survey_id", "question_id"]) }}) as question
inner join asked on question.survey_id = asked.survey_id and question.source in (asked.source, 'reference')
