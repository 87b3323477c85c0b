select
    _record,
    no as note_id,
    account_ref('crm', member_no) as person_account_id,
    parse_time(held, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as noted_at,
    method,
    party,
    store as store_id,
    sku as product_id,
    language,
    record_ref('directory', 'agent.id', held_by) as agent_id,
    text
from interviews
