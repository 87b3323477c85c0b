-- One row per filled field of an entry that fields.csv knows: what it means, and the answer in the contract's words.
-- what a field means is found by its label (any it had in this load) or by its name
with
    -- a cell per field; a subform's cells are named parent.child and carry the id of their line
    cells as (
        select e._record, e.form_id, e.zone, c.key as name, '' as line, c.value
        from _forms_entries as e, json_each(e.row_json) as c
        union all
        select e._record, e.form_id, e.zone, c.key || '.' || k.key, ':' || (i.value ->> '_id'), k.value
        from _forms_entries as e, json_each(e.row_json) as c, json_each(c.value) as i, json_each(i.value) as k
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
    )
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
                strftime(timezone('UTC', timezone(c.zone, try_cast(c.answer as timestamp))), '%Y-%m-%dT%H:%M:%SZ'),
                c.answer
            )
        else coalesce(w.value, c.answer)
    end as answer
from worded as c
left join _labels as l on l.form_id = c.form_id and l.name = c.name
inner join fields as f on coalesce(f.form_id, c.form_id) = c.form_id and f.label in (l.label, c.name)
left join words as w on w.field = f.field and w.label = c.answer
where c.answer is not null and not coalesce(list_contains(string_split(f.no_answer, ';'), c.answer), false)
