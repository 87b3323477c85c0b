-- One row per ticket deleted at the source.
select
    _record,
    'case:' || id as deletion_id,
    'case' as deleted_kind,
    record_ref('zendesk_sample', 'case', id) as deleted_id,
    parse_time(updated_at, '%Y-%m-%d %H:%M:%S', 'UTC') as deleted_at,
    'source' as reason
from tickets
where status = 'deleted'
