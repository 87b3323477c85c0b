-- One tombstone per question that an edited survey entry no longer answers, so that the older answer does not stand.
-- (Entries that are gone altogether are found by the sweep of ids. Lines taken out of a subform are not found.)
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
    questions as (
        select distinct l.form_id, coalesce(f.question_id, f.label) as question_id
        from labels as l
        inner join fields as f on coalesce(f.form_id, l.form_id) = l.form_id and f.label in (l.label, l.name)
        where f.field in ('score', 'choice', 'text') and not contains(l.name, '.')
    )
select
    e._record,
    e.data_id || ':' || q.question_id || ':' || e.updated_at as deletion_id,
    'survey_answer' as deleted_kind,
    record_ref(e.source, 'answer', e.data_id || ':' || q.question_id) as deleted_id,
    parse_iso(e.updated_at) as deleted_at,
    'source' as reason
from forms_entries as e
inner join questions as q on q.form_id = e.form_id
where
    e.updated_at > e.created_at
    and not exists (
        select 1
        from mapped as m
        where
            m._record = e._record
            and m.line = ''
            and m.question_id = q.question_id
            and m.field in ('score', 'choice', 'text')
    )
