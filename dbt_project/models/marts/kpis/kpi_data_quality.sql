-- One row per source, kind and finding: how many records, and a load that has one.
-- Findings are facts about the data, counted rather than averaged away.
{% set text = dbt.type_string() %}
with
    findings as (
        select source, 'review' as kind, 'reply_before_last_edit' as finding, 1 as n, load_id
        from {{ ref("fct_reviews") }}
        where replied_at < coalesce(edited_at, posted_at)
        union all
        select source, 'review' as kind, 'without_date' as finding, 1 as n, load_id
        from {{ ref("fct_reviews") }}
        where posted_at is null
        union all
        select source, 'survey_answer' as kind, 'score_outside_scale' as finding, 1 as n, load_id
        from {{ ref("fct_survey_answers") }}
        where is_outside_scale
        union all
        select source, 'survey_answer' as kind, 'code_for_no_answer' as finding, 1 as n, load_id
        from {{ ref("fct_survey_answers") }}
        where is_no_answer
        union all
        select source, 'survey_answer' as kind, 'question_unknown' as finding, 1 as n, load_id
        from {{ ref("fct_survey_answers") }}
        where not is_known_question
        union all
        select source, 'survey_answer' as kind, 'without_date' as finding, 1 as n, load_id
        from {{ ref("fct_survey_answers") }}
        where answered_at is null
        union all
        select source, kind, finding, n, example_load as load_id
        from {{ ref("int_case_findings") }}
        union all
        select source, 'call' as kind, 'answered_before_offered' as finding, 1 as n, load_id
        from {{ ref("fct_calls") }}
        where answered_at < offered_at
        union all
        select source, 'mention' as kind, 'reply_before_post' as finding, 1 as n, load_id
        from {{ ref("fct_mentions") }}
        where replied_at < posted_at
        union all
        select source, 'survey_invitation' as kind, 'completed_before_sent' as finding, 1 as n, load_id
        from {{ ref("fct_survey_invitations") }}
        where completed_at < sent_at
        union all
        select source, 'order' as kind, 'amount_zero' as finding, 1 as n, load_id
        from {{ ref("fct_orders") }}
        where amount = 0
        union all
        select source, name as kind, measure || coalesce(': ' || reason, '') as finding, n, load_id
        from {{ source("lake", "_ledger") }}
        where measure in ('rejected', 'duplicate', 'unselected', 'unread', 'quarantined') and n > 0
    )

select
    cast(source as {{ text }}) as source,
    cast(kind as {{ text }}) as kind,
    cast(finding as {{ text }}) as finding,
    cast(sum(n) as {{ dbt.type_bigint() }}) as n,
    cast(max(load_id) as {{ text }}) as example_load
from findings
group by source, kind, finding
