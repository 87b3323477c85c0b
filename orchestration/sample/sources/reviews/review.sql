-- The web shop's reviews name its account, the app's only a nickname. Removed ones are tombstones (deletion.sql).
select
    _record,
    review_no as review_id,
    account_ref('web_shop', account_no) as person_account_id,
    nickname as person_handle,
    parse_time(posted, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as posted_at,
    parse_time(edited, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as edited_at,
    stars as rating,
    5 as rating_max,
    recommended as is_recommended,
    helpful as helpful_count,
    parse_time(replied, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as replied_at,
    headline as title,
    text,
    reply as reply_text,
    record_ref('directory', 'agent.id', case when reply is not null then replied_by end) as agent_id,
    case platform when 'shop' then 'web' when 'app' then 'app_store' else platform end as channel,
    language,
    sku as product_id,
    app_version,
    parse_time(updated, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as updated_at
from reviews
where state is distinct from 'removed'
