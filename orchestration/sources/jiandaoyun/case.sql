-- One row per entry of a case form: fields.csv names the field of the contract each form field fills, words.csv the
-- words
-- of its closed lists. Subforms are not read here.
with
    labels as (
        select distinct raw ->> 'form_id' as form_id, raw ->> 'name' as name, raw ->> 'label' as label from widgets
    ),
    forms_entries as (
        select
            _record,
            raw ->> 'source' as source,
            raw ->> 'form_id' as form_id,
            raw ->> 'zone' as zone,
            raw ->> '$.row._id' as data_id,
            raw ->> '$.row.createTime' as created_at,
            raw ->> '$.row.updateTime' as updated_at,
            raw -> '$.row.creator' as creator,
            raw -> 'row' as row_json
        from entries
        where (raw ->> 'form_role') = 'case'
    ),
    -- a cell per field; a subform's cells are named parent.child and carry the id of their line
    cells as (
        select e._record, e.form_id, e.zone, c.key as name, '' as line, c.value
        from forms_entries as e, json_each(e.row_json) as c
        union all
        select e._record, e.form_id, e.zone, c.key || '.' || k.key, ':' || (i.value ->> '_id'), k.value
        from forms_entries as e, json_each(e.row_json) as c, json_each(c.value) as i, json_each(i.value) as k
        where c.type = 'ARRAY' and i.type = 'OBJECT' and (i.value ->> '_id') is not null
    ),
    -- phone, member and address fields are objects; what may be chosen several times is an array
    worded as (
        select
            _record,
            form_id,
            zone,
            name,
            line,
            nullif(
                trim(
                    case
                        json_type(value)
                        when 'OBJECT'
                        then
                            coalesce(
                                value ->> 'phone',
                                value ->> 'username',
                                nullif(
                                    concat_ws(
                                        '',
                                        value ->> 'province',
                                        value ->> 'city',
                                        value ->> 'district',
                                        value ->> 'detail'
                                    ),
                                    ''
                                ),
                                value ->> 'name'
                            )
                        when 'ARRAY'
                        then
                            array_to_string(
                                [
                                    coalesce(item ->> 'username', item ->> 'name', item ->> '$')
                                    for item in from_json(value, '["json"]')
                                ],
                                ';'
                            )
                        else value ->> '$'
                    end
                ),
                ''
            ) as answer
        from cells
    ),
    -- what a field means is found by its label (any it had in this load) or by its name
    mapped as (
        select distinct
            c._record,
            c.line,
            f.field,
            coalesce(f.question_id, f.label) as question_id,
            f.scale_id,
            case
                -- a time that somebody typed has no zone: it is the source's
                when ends_with(f.field, '_at') and not regexp_matches(c.answer, '(Z|[+-]\d{2}:?\d{2})$')
                then
                    coalesce(
                        strftime(
                            timezone('UTC', timezone(c.zone, try_cast(c.answer as timestamp))), '%Y-%m-%dT%H:%M:%SZ'
                        ),
                        c.answer
                    )
                else coalesce(w.value, c.answer)
            end as answer
        from worded as c
        left join labels as l on l.form_id = c.form_id and l.name = c.name
        inner join fields as f on coalesce(f.form_id, c.form_id) = c.form_id and f.label in (l.label, c.name)
        left join words as w on w.field = f.field and w.label = c.answer
        where c.answer is not null and not coalesce(list_contains(string_split(f.no_answer, ';'), c.answer), false)
    ),
    about as (
        select
            _record,
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
        from mapped
        where line = ''
        group by _record
    )
select
    e._record,
    e.data_id as case_id,
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
