-- One tombstone per question that an edited survey entry no longer answers, so that the older answer does not stand.
-- (Entries that are gone altogether are found by the sweep of ids. Lines taken out of a subform are not found.)
with
    forms_entries as (select * from _forms_entries where form_role = 'survey'),
    questions as (
        select distinct l.form_id, coalesce(f.question_id, f.label) as question_id
        from _labels as l
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
        from _mapped as m
        where
            m._record = e._record
            and m.line = ''
            and m.question_id = q.question_id
            and m.field in ('score', 'choice', 'text')
    )
