-- One row per answer to one question of one response, with what its item measures and its score, higher always better.
{{ follows("stg_survey_answers", "answer_key") }}
with
    answers as (select * from {{ ref("stg_survey_answers") }} where is_current {{ only_touched() }}),

    matched as (
        select
            answers.*,
            question.metric,
            question.scale_id,
            question.scale_min,
            question.scale_max,
            question.is_effort_worded,
            question.theme,
            question.question_id is not null as is_known_question,
            coalesce(
                {{ array_has("question.no_answer_codes", "answers.choice") }}
                or {{ array_has("question.no_answer_codes", number_as_text("answers.score")) }},
                false
            ) as is_no_answer
        from answers
        left join
            {{ ref("dim_questions") }} as question
            on answers.source = question.source
            and answers.survey_id = question.survey_id
            and answers.question_id = question.question_id
    ),

    judged as (
        select
            *, score is not null and not is_no_answer and (score < scale_min or score > scale_max) as is_outside_scale
        from matched
    )

select
    -- ids
    answer_key,
    response_key,
    case_key,
    survey_id,
    question_id,
    store_id,
    product_id,
    scale_id,
    -- text
    metric,
    theme,
    channel,
    touchpoint,
    language,
    choice,
    text,
    -- numbers
    score,
    case when is_effort_worded then scale_min + scale_max - score else score end as directed_score,
    scale_min,
    scale_max,
    weight,
    text_redactions,
    -- flags
    is_known_question,
    is_no_answer,
    coalesce(is_outside_scale, false) as is_outside_scale,
    score is not null and not is_no_answer and not coalesce(is_outside_scale, false) as is_scored,
    wants_contact,
    is_sensitive_text,
    -- times
    answered_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    coalesce(counted_key, response_key) as counted_key,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at
from judged
