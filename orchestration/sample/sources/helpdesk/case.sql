-- Of several versions of a user in one load the newest counts; deleted tickets are tombstones (deletion.sql).
with
    known as (
        select raw
        from users
        qualify row_number() over (partition by (raw ->> 'id') order by (raw ->> 'updated_at') desc) = 1
    )
select
    t._record,
    t.raw ->> 'id' as case_id,
    t.raw ->> 'requester_id' as person_account_id,
    u.raw ->> 'email' as person_email,
    u.raw ->> 'verified' as person_email_verified,
    u.raw ->> 'phone' as person_phone,
    u.raw ->> 'name' as person_name,
    u.raw ->> 'country' as person_country,
    parse_iso(t.raw ->> 'created_at') as opened_at,
    t.raw ->> 'submitter' as opened_by,
    t.raw ->> '$.via.channel' as channel,
    t.raw ->> 'type' as case_type,
    t.raw ->> 'category' as category,
    t.raw ->> 'sku' as product_id,
    t.raw ->> 'store' as store_id,
    'support' as touchpoint,
    t.raw ->> 'priority' as priority,
    case
        (t.raw ->> 'status') when 'solved' then 'resolved' when 'hold' then 'on_hold' else t.raw ->> 'status'
    end as status,
    t.raw ->> 'group' as team,
    record_ref('directory', 'agent.id', t.raw ->> 'assignee') as agent_id,
    t.raw ->> 'close_reason' as close_reason,
    (t.raw ->> 'type') <> 'praise' as calls_for_handling,
    t.raw ->> 'language' as language,
    t.raw ->> 'subject' as title,
    t.raw ->> 'description' as text,
    parse_iso(t.raw ->> 'updated_at') as updated_at
from tickets as t
left join known as u on (u.raw ->> 'id') = (t.raw ->> 'requester_id')
where (t.raw ->> 'status') <> 'deleted'
