-- One row per answered question of a survey form's entry. fields.csv says which field is which: score, choice and text
-- make the answer of their question_id, every other field of the contract goes with each answer of the entry. Blank
-- fields and no_answer codes give no row.
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
        where (raw ->> 'form_role') = 'survey'
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
    answers as (
        select
            _record,
            question_id,
            line,
            max(case when scale_id is null then answer else scale_score(answer, scale_id) end) filter (
                where field = 'score'
            ) as score,
            max(answer) filter (where field = 'choice') as choice,
            max(answer) filter (where field = 'text') as text
        from mapped
        where field in ('score', 'choice', 'text')
        group by _record, question_id, line
    ),
    about as (
        select
            _record,
            max(answer) filter (where field = 'answered_at') as answered_at,
            max(answer) filter (where field = 'person_account_id') as person_account_id,
            max(answer) filter (where field = 'person_email') as person_email,
            max(answer) filter (where field = 'person_phone') as person_phone,
            max(answer) filter (where field = 'person_name') as person_name,
            max(answer) filter (where field = 'person_handle') as person_handle,
            max(answer) filter (where field = 'person_address') as person_address,
            max(answer) filter (where field = 'person_country') as person_country,
            max(answer) filter (where field = 'person_is_minor') as person_is_minor,
            max(answer) filter (where field = 'weight') as weight,
            max(answer) filter (where field = 'channel') as channel,
            max(answer) filter (where field = 'touchpoint') as touchpoint,
            max(answer) filter (where field = 'store_id') as store_id,
            max(answer) filter (where field = 'product_id') as product_id,
            max(answer) filter (where field = 'language') as language,
            max(answer) filter (where field = 'wants_contact') as wants_contact,
            max(answer) filter (where field = 'case_id') as case_id
        from mapped
        where line = ''
        group by _record
    )
select
    a._record,
    e.data_id || ':' || a.question_id || a.line as answer_id,
    e.data_id as response_id,
    e.form_id as survey_id,
    a.question_id,
    parse_iso(coalesce(m.answered_at, e.created_at)) as answered_at,
    a.score,
    a.choice,
    a.text,
    -- an external contact who filled the form in is the person (type 2); members of the company (type 0) are not
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
    m.weight,
    coalesce(m.channel, 'form') as channel,
    m.touchpoint,
    m.store_id,
    m.product_id,
    m.language,
    m.wants_contact,
    m.case_id,
    parse_iso(e.updated_at) as updated_at
from answers as a
inner join forms_entries as e on e._record = a._record
left join about as m on m._record = a._record
