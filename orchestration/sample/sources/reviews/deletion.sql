select
    _record,
    'review-' || review_no as deletion_id,
    'review' as deleted_kind,
    record_ref('reviews', 'review', review_no) as deleted_id,
    parse_time(updated, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as deleted_at,
    'source' as reason
from reviews
where state = 'removed'
