select
    _record,
    no as review_id,
    parse_time(rated, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as posted_at,
    stars as rating,
    best as rating_max,
    'in_app' as channel,
    version as app_version
from ratings
