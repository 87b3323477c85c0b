-- One row per entry of a case form: fields.csv names the field of the contract each form field fills, words.csv the
-- words
-- of its closed lists. Subforms are not read here.
with
    forms_entries as (select * from _forms_entries where form_role = 'case'),
    about as (
        select
            _record,
            max(answer) filter (where field = 'case_number') as case_number,
            max(answer) filter (where field = 'opened_at') as opened_at,
            max(answer) filter (where field = 'opened_by') as opened_by,
            max(answer) filter (where field = 'person_account_id') as person_account_id,
            max(answer) filter (where field = 'person_email') as person_email,
            max(answer) filter (where field = 'person_phone') as person_phone,
            max(answer) filter (where field = 'person_name') as person_name,
            max(answer) filter (where field = 'person_handle') as person_handle,
            max(answer) filter (where field = 'person_address') as person_address,
            max(answer) filter (where field = 'person_country') as person_country,
            max(answer) filter (where field = 'person_is_minor') as person_is_minor,
            max(answer) filter (where field = 'channel') as channel,
            max(answer) filter (where field = 'case_type') as case_type,
            max(answer) filter (where field = 'category') as category,
            max(answer) filter (where field = 'subcategory') as subcategory,
            max(answer) filter (where field = 'product_id') as product_id,
            max(answer) filter (where field = 'store_id') as store_id,
            max(answer) filter (where field = 'touchpoint') as touchpoint,
            max(answer) filter (where field = 'region') as region,
            max(answer) filter (where field = 'priority') as priority,
            max(answer) filter (where field = 'status') as status,
            max(answer) filter (where field = 'team') as team,
            max(answer) filter (where field = 'agent_id') as agent_id,
            max(answer) filter (where field = 'acknowledged_at') as acknowledged_at,
            max(answer) filter (where field = 'first_replied_at') as first_replied_at,
            max(answer) filter (where field = 'resolved_at') as resolved_at,
            max(answer) filter (where field = 'closed_at') as closed_at,
            max(answer) filter (where field = 'close_reason') as close_reason,
            max(answer) filter (where field = 'calls_for_handling') as calls_for_handling,
            max(answer) filter (where field = 'language') as language,
            max(answer) filter (where field = 'is_sla_met') as is_sla_met,
            max(answer) filter (where field = 'is_timely') as is_timely,
            max(answer) filter (where field = 'reopen_count') as reopen_count,
            max(answer) filter (where field = 'reassignment_count') as reassignment_count,
            max(answer) filter (where field = 'title') as title,
            max(answer) filter (where field = 'text') as text
        from _mapped
        where line = ''
        group by _record
    )
select
    e._record,
    e.data_id as case_id,
    m.case_number,
    parse_iso(coalesce(m.opened_at, e.created_at)) as opened_at,
    -- a member of the company (type 0) writes it down for somebody; an external contact or a visitor is the customer
    coalesce(m.opened_by, case when (e.creator ->> 'type') = '0' then 'agent' else 'customer' end) as opened_by,
    coalesce(
        m.person_account_id, case when (e.creator ->> 'type') = '2' then e.creator ->> 'username' end
    ) as person_account_id,
    m.person_email,
    m.person_phone,
    coalesce(m.person_name, case when (e.creator ->> 'type') = '2' then e.creator ->> 'name' end) as person_name,
    m.person_handle,
    m.person_address,
    m.person_country,
    m.person_is_minor,
    coalesce(m.channel, 'form') as channel,
    m.case_type,
    m.category,
    m.subcategory,
    m.product_id,
    m.store_id,
    m.touchpoint,
    m.region,
    m.priority,
    m.status,
    m.team,
    m.agent_id,
    parse_iso(m.acknowledged_at) as acknowledged_at,
    parse_iso(m.first_replied_at) as first_replied_at,
    parse_iso(m.resolved_at) as resolved_at,
    parse_iso(m.closed_at) as closed_at,
    m.close_reason,
    m.calls_for_handling,
    m.language,
    m.is_sla_met,
    m.is_timely,
    m.reopen_count,
    m.reassignment_count,
    m.title,
    m.text,
    parse_iso(e.updated_at) as updated_at
from forms_entries as e
left join about as m on m._record = e._record
