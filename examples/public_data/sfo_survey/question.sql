-- One row per survey item of a year's questionnaire.
select
    _record,
    survey_id,
    question_id,
    '旧金山机场旅客调查 ' || right(survey_id, 4) as survey_name_zh,
    'San Francisco airport passenger survey ' || right(survey_id, 4) as survey_name_en,
    metric,
    'scale' as answer_type,
    scale_min,
    scale_max,
    false as is_effort_worded,
    string_split(no_answer_codes, '|') as no_answer_codes,
    text_zh,
    text_en,
    theme,
    position
from questions
