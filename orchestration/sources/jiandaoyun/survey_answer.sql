-- One row per answered question of a survey form's entry. fields.csv says which field is which: score, choice and text
-- make the answer of their question_id, every other field of the contract goes with each answer of the entry. Blank
-- fields and no_answer codes give no row.
with
    forms_entries as (select * from _forms_entries where form_role = 'survey'),
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
        from _mapped
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
        from _mapped
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
