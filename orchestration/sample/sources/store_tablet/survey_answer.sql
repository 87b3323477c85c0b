select
    _record,
    no as answer_id,
    no as response_id,
    'store_tablet' as survey_id,
    'smiley' as question_id,
    parse_time(time, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as answered_at,
    scale_score(smiley, 'csat_5') as score,
    'kiosk' as channel,
    'in_store' as touchpoint,
    store as store_id,
    language
from answers
