-- One row per respondent: who they are in brackets, and nobody in particular. Ages are brackets; a bracket stands as
-- its midpoint, as the airport's own 2010 file writes it (21, 29.5, …, 75), rounded up. 'Under 18' has none, whatever
-- the file of 2010 says (15): who is a minor by law follows from an age, and an age is never guessed. In 2016 that
-- bracket was dragged down a spreadsheet column ('Under 19', 'Under 20', …).
with
    respondents as (
        select _record, 2010 as year, respnum as respondent, lang, age as age, q18 as gender, null as home
        from y2010
        union all
        select _record, 2011 as year, respnum as respondent, lang, q19 as age, q20 as gender, home as home
        from y2011
        union all
        select _record, 2012 as year, respnum as respondent, lang, q19_age as age, q20_sex as gender, home as home
        from y2012
        union all
        select _record, 2013 as year, respnum as respondent, lang, q18_age as age, q19_sex as gender, home as home
        from y2013
        union all
        select _record, 2014 as year, respnum as respondent, lang, q18age as age, q19gender as gender, home as home
        from y2014
        union all
        select _record, 2015 as year, respnum as respondent, lang, q18age as age, q19gender as gender, home as home
        from y2015
        union all
        select _record, 2016 as year, "*RESPNUM" as respondent, lang, q19age as age, q20gender as gender, home as home
        from y2016
        union all
        select _record, 2017 as year, respnum as respondent, lang, q19age as age, q20gender as gender, home as home
        from y2017
    )
select
    r._record,
    'sfo_' || r.year || ':' || r.respondent as customer_id,
    'sfo_' || r.year || ':' || r.respondent as person_account_id,
    'person' as customer_type,
    case r.lang when '1' then 'en' when '2' then 'es' when '3' then 'zh' when '4' then 'ja' else r.lang end as language,
    h.region,
    case
        when r.year = 2010 and r.age not in ('8', '15')
        then ceil(try_cast(r.age as double))::integer
        when r.year = 2010
        then null
        when r.age in ('2', '18-24')
        then 21
        when r.age in ('3', '25-34')
        then 30
        when r.age in ('4', '35-44')
        then 40
        when r.age in ('5', '45-54')
        then 50
        when r.age in ('6', '55-64')
        then 60
        when r.age in ('7', '65-Over')
        then 75
    end as age,
    case
        when r.gender in ('1', 'Male')
        then 'male'
        when r.gender in ('2', 'Female')
        then 'female'
        when r.gender = '3'
        then 'other'
    end as gender
from respondents as r
left join home_regions as h on h.home = r.home
