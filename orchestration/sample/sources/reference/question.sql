select
    _record,
    survey_id,
    question_id,
    survey_name_zh,
    survey_name_en,
    metric,
    answer_type,
    scale_id,
    scale_min,
    scale_max,
    is_effort_worded,
    no_answer_codes,
    text_zh,
    text_en,
    theme,
    position,
    parse_iso(updated_at) as updated_at
from questions
