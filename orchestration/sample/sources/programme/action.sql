-- What feedback an action answers is written as source/kind/id, separated by semicolons.
select
    _record,
    no as action_id,
    kind as action_type,
    parse_time(decided, '%Y-%m-%d', 'Asia/Shanghai') as opened_at,
    parse_time(due, '%Y-%m-%d', 'Asia/Shanghai') as due_at,
    parse_time(shipped, '%Y-%m-%d', 'Asia/Shanghai') as shipped_at,
    parse_time(shipped, '%Y-%m-%d', 'Asia/Shanghai') as notified_at,
    case when shipped is null then 'in_progress' when kind = 'commitment' then 'kept' else 'shipped' end as status,
    record_ref('directory', 'agent.id', owner) as agent_id,
    cause as root_cause,
    sku as product_id,
    [
        record_ref(split_part(r, '/', 1), split_part(r, '/', 2), split_part(r, '/', 3))
        for r in string_split(feedback, ';')
    ] as feedback_ids,
    title
from actions
