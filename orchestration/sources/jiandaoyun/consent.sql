-- One row per consent field that an entry fills in (field = consent, purpose and notice_version in fields.csv). The
-- person is
-- taken to tick it when the entry is made; where staff do so later, map the field that holds the time as
-- consent_given_at.
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
        where (raw ->> 'form_role') in ('survey', 'case')
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
            max(answer) filter (where field = 'consent_given_at') as consent_given_at,
            max(answer) filter (where field = 'person_account_id') as person_account_id,
            max(answer) filter (where field = 'person_email') as person_email,
            max(answer) filter (where field = 'person_phone') as person_phone,
            max(answer) filter (where field = 'person_name') as person_name,
            max(answer) filter (where field = 'person_handle') as person_handle,
            max(answer) filter (where field = 'person_address') as person_address,
            max(answer) filter (where field = 'person_country') as person_country,
            max(answer) filter (where field = 'person_is_minor') as person_is_minor
        from mapped
        where line = ''
        group by _record
    ),
    purposes as (
        select distinct l.form_id, coalesce(f.question_id, f.label) as question_id, f.purpose, f.notice_version
        from labels as l
        inner join fields as f on coalesce(f.form_id, l.form_id) = l.form_id and f.label in (l.label, l.name)
        where f.field = 'consent'
    )
select
    c._record,
    e.data_id || ':' || p.purpose || ':' || c.answer || ':' || e.updated_at as consent_id,
    p.purpose,
    c.answer as action,
    'general' as consent_type,
    p.notice_version,
    'form' as collected_via,
    e.data_id as evidence_id,
    parse_iso(
        case c.answer when 'grant' then coalesce(m.consent_given_at, e.created_at) else e.updated_at end
    ) as given_at,
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
    parse_iso(e.updated_at) as updated_at
from mapped as c
inner join forms_entries as e on e._record = c._record
inner join purposes as p on p.form_id = e.form_id and p.question_id = c.question_id
left join about as m on m._record = c._record
where c.field = 'consent' and c.line = ''
