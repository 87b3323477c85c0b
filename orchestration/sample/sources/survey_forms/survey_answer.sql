-- Fields are found by the label of their widget. Declined items (不适用, Not applicable) and blank ones give no row;
-- labels become scores by the scale, unknown ones pass on and are refused. The comment is an answer of its own.
with
    -- distinct: each export tells the fields again
    fields as (select distinct raw ->> 'name' as name, raw ->> 'label' as field from widgets),
    cells as (
        select r._record, f.field, r.raw ->> f.name as answer
        from responses as r, fields as f
        where (r.raw ->> f.name) is not null and (r.raw ->> f.name) not in ('', '不适用', 'Not applicable')
    ),
    about as (
        select
            r._record,
            any_value(r.raw ->> '_id') as response_id,
            any_value(r.raw ->> 'entryId') as survey_id,
            any_value(r.raw ->> 'createTime') as created,
            any_value(r.raw ->> 'updateTime') as updated,
            max(c.answer) filter (c.field = 'member_no') as member_no,
            max(c.answer) filter (c.field = 'country') as country,
            max(c.answer) filter (c.field = 'minor') as minor,
            max(c.answer) filter (c.field = 'language') as language,
            max(c.answer) filter (c.field = 'channel') as channel,
            max(c.answer) filter (c.field = 'store') as store,
            max(c.answer) filter (c.field = 'sku') as sku,
            max(c.answer) filter (c.field = 'ticket') as ticket,
            max(c.answer) filter (c.field = 'weight') as weight,
            max(c.answer) filter (c.field = 'contact') as contact
        from responses as r
        join cells as c on c._record = r._record
        group by r._record
    )
select
    c._record,
    a.response_id || ':' || c.field as answer_id,
    a.response_id,
    account_ref('crm', a.member_no) as person_account_id,
    a.country as person_country,
    case a.minor when '是' then 'true' when '否' then 'false' else a.minor end as person_is_minor,
    a.survey_id,
    c.field as question_id,
    parse_iso(a.created) as answered_at,
    case
        when c.field in ('overall', 'quality', 'delivery', 'staff')
        then scale_score(c.answer, 'csat_5')
        when c.field = 'nps_score'
        then case when try_cast(c.answer as double) between 0 and 10 then c.answer else 'outside 0-10' end
        when c.field <> 'comment'
        then c.answer
    end as score,
    case when c.field in ('overall', 'quality', 'delivery', 'staff') then c.answer end as choice,
    case when c.field = 'comment' then c.answer end as text,
    a.weight,
    a.channel,
    case
        a.survey_id
        when '65f0000000000000000000a1'
        then 'relationship'
        when '65f0000000000000000000b2'
        then 'purchase'
        when '65f0000000000000000000c3'
        then 'support'
    end as touchpoint,
    a.store as store_id,
    a.sku as product_id,
    a.language,
    case a.contact when '是' then 'true' when '否' then 'false' else a.contact end as wants_contact,
    record_ref('helpdesk', 'case', a.ticket) as case_id,
    parse_iso(a.updated) as updated_at
from cells as c
join about as a on a._record = c._record
where
    c.field
    not in ('member_no', 'country', 'minor', 'language', 'channel', 'store', 'sku', 'ticket', 'weight', 'contact')
