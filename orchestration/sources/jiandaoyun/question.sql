-- One row per question of a survey form: its wording is the field's label, the rest stands in fields.csv.
with
    described as (
        select
            w._record,
            w.raw ->> 'form_id' as survey_id,
            w.raw ->> 'form_name' as survey_name_zh,
            w.raw ->> 'label' as text_zh,
            w.raw ->> 'type' as widget_type,
            w.raw ->> 'position' as position,
            coalesce(f.question_id, f.label) as question_id,
            f.* exclude (_record, _file, _row, form_id, question_id)
        from widgets as w
        inner join
            fields as f
            on coalesce(f.form_id, w.raw ->> 'form_id') = (w.raw ->> 'form_id')
            and f.label in (w.raw ->> 'label', w.raw ->> 'name')
        where (w.raw ->> 'form_role') = 'survey' and f.field in ('score', 'choice', 'text')
    ),
    -- a question may have a score and a comment field, and the labels may have come twice
    ranked as (
        select
            *,
            row_number() over (
                partition by survey_id, question_id
                order by case field when 'score' then 1 when 'choice' then 2 else 3 end, _record desc
            ) as rank_in_question
        from described
    )
select
    _record,
    survey_id,
    question_id,
    survey_name_zh,
    coalesce(metric, case field when 'text' then 'open' else 'other' end) as metric,
    case
        when field = 'score'
        then 'scale'
        when widget_type in ('checkboxgroup', 'combocheck')
        then 'choice_multi'
        when widget_type in ('radiogroup', 'combo')
        then 'choice_single'
        else 'open'
    end as answer_type,
    scale_id,
    scale_min,
    scale_max,
    no_answer as no_answer_codes,
    text_zh,
    theme,
    position
from ranked
where rank_in_question = 1
