-- One row per rated item of a response. Every year's file numbers its columns anew; questions.csv names them.
-- Codes that are not answers (0 blank, 6 never used, 'Blank' in 2017, NETPRO 11) give no score. The overall items keep
-- their row without a score, so that those asked stay countable; unrated driver items give no row.
-- INTDATE is a code of the year's code book, not always a day of May:
-- 2010: 1 = 7 September, 2-13 = 12-23 September, 16 = 24 September;
-- 2011: 1-18 = 10-27 May;
-- 2012: day of May; 19 is "other" (62 responses), taken as 19 May, the only day the book lists beyond 18;
-- 2013, 2015, 2017: day of May;
-- 2014: day of September;
-- 2016: a full date.
-- RUNID is not unique and CCGID repeats: a response is the year and RESPNUM.
with
    codes as (
        select _record, 2010 as year, respnum as respondent, intdate, lang, weight as weight, source_column, code
        from
            y2010 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang, weight)))
            )
        union all
        select _record, 2011 as year, respnum as respondent, intdate, lang, null as weight, source_column, code
        from
            y2011 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang)))
            )
        union all
        select _record, 2012 as year, respnum as respondent, intdate, lang, null as weight, source_column, code
        from
            y2012 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang)))
            )
        union all
        select _record, 2013 as year, respnum as respondent, intdate, lang, weight as weight, source_column, code
        from
            y2013 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang, weight)))
            )
        union all
        select _record, 2014 as year, respnum as respondent, intdate, lang, weight as weight, source_column, code
        from
            y2014 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang, weight)))
            )
        union all
        select _record, 2015 as year, respnum as respondent, intdate, lang, weight as weight, source_column, code
        from
            y2015 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang, weight)))
            )
        union all
        select _record, 2016 as year, "*RESPNUM" as respondent, intdate, lang, weight as weight, source_column, code
        from
            y2016 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, "*RESPNUM", intdate, lang, weight)))
            )
        union all
        select _record, 2017 as year, respnum as respondent, intdate, lang, weight as weight, source_column, code
        from
            y2017 unpivot include nulls(
                code for source_column in (columns(* exclude (_record, _file, _row, respnum, intdate, lang, weight)))
            )
    ),
    answers as (
        select
            c.*,
            q.survey_id,
            q.question_id,
            q.metric,
            case
                when not list_contains(string_split(q.no_answer_codes, '|'), trim(c.code)) then trim(c.code)
            end as score,
            case
                when c.year = 2010 and c.intdate = '1'
                then date '2010-09-07'
                when c.year = 2010 and c.intdate = '16'
                then date '2010-09-24'
                when c.year = 2010
                then date '2010-09-10' + try_cast(c.intdate as integer)
                when c.year = 2011
                then date '2011-05-09' + try_cast(c.intdate as integer)
                when c.year = 2014
                then date '2014-08-31' + try_cast(c.intdate as integer)
                when c.year = 2016
                then try_cast(try_strptime(c.intdate, '%m/%d/%Y %I:%M:%S %p') as date)
                else make_date(c.year, 4, 30) + try_cast(c.intdate as integer)
            end as interviewed_on
        from codes as c
        join questions as q on q.survey_id = 'sfo_' || c.year and upper(q.source_column) = upper(c.source_column)
    )
select
    _record,
    survey_id || ':' || respondent || ':' || question_id as answer_id,
    survey_id || ':' || respondent as response_id,
    survey_id || ':' || respondent as person_account_id,
    survey_id,
    question_id,
    parse_time(coalesce(interviewed_on::varchar, intdate), '%Y-%m-%d', 'America/Los_Angeles') as answered_at,
    score,
    code as choice,
    weight,
    case lang when '1' then 'en' when '2' then 'es' when '3' then 'zh' when '4' then 'ja' else lang end as language
from answers
where score is not null or metric in ('csat', 'nps')
