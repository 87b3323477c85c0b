-- One row per consent field that an entry fills in (field = consent, purpose and notice_version in fields.csv).
-- The person is taken to tick it when the entry is made; where staff do so later, map the field that holds the time
-- as consent_given_at.
with
    forms_entries as (select * from _forms_entries where form_role in ('survey', 'case')),
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
        from _mapped
        where line = ''
        group by _record
    ),
    purposes as (
        select distinct l.form_id, coalesce(f.question_id, f.label) as question_id, f.purpose, f.notice_version
        from _labels as l
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
from _mapped as c
inner join forms_entries as e on e._record = c._record
inner join purposes as p on p.form_id = e.form_id and p.question_id = c.question_id
left join about as m on m._record = c._record
where c.field = 'consent' and c.line = ''
