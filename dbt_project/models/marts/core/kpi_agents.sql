-- One row per figure, member of staff and period: what customers answered about the cases that are theirs, and how
-- many of these were opened again. Restricted, and empty unless policy.toml names a purpose for it ([staff]): a
-- figure needs 30 answers or cases of 10 customers who did not all answer alike, its interval counts a customer once,
-- and it decides nothing by itself. Quarters show where all of their year may, so that none is the year less others.
-- A team's figures are published: less those shown of its members it tells of the hidden ones together, who have to be
-- several, and as many customers. Else the smallest shown year is hidden too, and all quarters of the team's year.
-- Whoever objected has no row, and is one of the hidden ones of the team that the case names: the lake holds their key
-- behind a mark.
{% set answers, customers = 30, 10 %}
with
    cases as (
        select *
        from {{ ref("int_case_milestones") }}
        where {{ "true" if var("staff_purpose", "") else "false" }} and not is_merged and not is_spam
    ),

    objected as (
        select case_key, max(agent_key) as agent_key
        from {{ source("lake", "case") }}
        where agent_key like 'restricted:%'
        group by case_key
    ),

    owners as (
        select
            owned.case_key,
            coalesce(owned.agent_key, objected.agent_key) as agent_key,
            case when owned.agent_key is null then owned.team end as told_team
        from {{ ref("fct_cases") }} as owned
        left join objected on owned.case_key = objected.case_key
        where owned.agent_key is not null or objected.agent_key is not null
    ),

    items as (
        select
            score.item_type as metric_id,
            case score.item_type when 'csat' then 'top2' else 'pct_easy' end as variant,
            owners.agent_key,
            owners.told_team,
            coalesce(score.subject_key, score.counted_key, score.record_key) as person,
            case score.item_type when 'csat' then score.satisfied else score.easy end as hit,
            score.anchor_at
        from {{ ref("int_score_items") }} as score
        inner join {{ ref("fct_survey_answers") }} as answer on score.record_key = answer.answer_key
        inner join cases on answer.case_key = cases.case_key
        inner join owners on cases.case_key = owners.case_key
        where score.item_type in ('csat', 'ces')
        union all
        select
            'reopen_rate',
            'ever_reopened',
            owners.agent_key,
            owners.told_team,
            coalesce(cases.subject_key, cases.counted_key, cases.case_key),
            case when cases.reopen_count > 0 then 1 else 0 end,
            cases.opened_at
        from cases
        inner join owners on cases.case_key = owners.case_key
        where cases.reopen_count is not null
    ),

    periodic as ({{ periods("items", "anchor_at", ["quarter", "year"]) }}),

    counted as (
        select
            periodic.metric_id,
            periodic.variant,
            periodic.agent_key,
            coalesce(periodic.told_team, agent.team) as team,
            periodic.period_grain,
            periodic.period_start,
            periodic.period_end,
            date_trunc('year', periodic.period_start) as year_start,
            count(*) as n,
            count(distinct periodic.person) as persons,
            sum(periodic.hit) as hits
        from periodic
        left join {{ ref("dim_agents") }} as agent on periodic.agent_key = agent.agent_key and agent.is_current
        group by
            periodic.metric_id,
            periodic.variant,
            periodic.agent_key,
            coalesce(periodic.told_team, agent.team),
            periodic.period_grain,
            periodic.period_start,
            periodic.period_end
    ),

    sized as (
        select
            *,
            case
                when agent_key like 'restricted:%'
                then 'objected'
                when n < {{ answers }} or persons < {{ customers }}
                then 'small_cell'
                when metric_id <> 'reopen_rate' and hits in (0, n)
                then 'homogeneous'
            end as reason
        from counted
    ),

    steady as (
        select
            *,
            coalesce(
                reason,
                case
                    when
                        period_grain = 'quarter'
                        and count(case when period_grain = 'quarter' then reason end) over (
                            partition by metric_id, variant, agent_key, year_start
                        )
                        > 0
                    then 'complement'
                end
            ) as own_reason
        from sized
    ),

    -- per team and period: whoever is hidden, together
    hidden as (
        select
            metric_id,
            variant,
            team,
            period_grain,
            period_start,
            year_start,
            case
                when count(own_reason) in (0, count(*))
                then 0
                when count(own_reason) = 1
                then 1
                when sum(case when own_reason is not null then n end) < {{ answers }}
                then 1
                -- at least as many as one of them has: they may share customers
                when max(case when own_reason is not null then persons end) < {{ customers }}
                then 1
                when
                    metric_id <> 'reopen_rate'
                    and sum(case when own_reason is not null then hits end)
                    in (0, sum(case when own_reason is not null then n end))
                then 1
                else 0
            end as is_open
        from steady
        group by metric_id, variant, team, period_grain, period_start, year_start
    ),

    opened as (
        select
            metric_id,
            variant,
            team,
            year_start,
            max(case when period_grain = 'year' then is_open end) as is_year_open,
            max(is_open) as is_any_open
        from hidden
        group by metric_id, variant, team, year_start
    ),

    judged as (
        select
            steady.*,
            coalesce(
                steady.own_reason,
                case
                    when steady.period_grain = 'quarter' and opened.is_any_open = 1
                    then 'complement'
                    when
                        steady.period_grain = 'year'
                        and opened.is_year_open = 1
                        and row_number() over (
                            partition by
                                steady.metric_id,
                                steady.variant,
                                steady.team,
                                steady.period_grain,
                                steady.period_start,
                                case when steady.own_reason is null then 0 else 1 end
                            order by steady.n, steady.agent_key
                        )
                        = 1
                    then 'complement'
                end
            ) as suppressed_reason
        from steady
        inner join
            opened
            on steady.metric_id = opened.metric_id
            and steady.variant = opened.variant
            and steady.team is not distinct from opened.team
            and steady.year_start = opened.year_start
    )

select
    -- ids
    judged.agent_key,
    -- text
    judged.team,
    judged.metric_id,
    judged.variant,
    judged.period_grain,
    judged.suppressed_reason,
    -- numbers
    case when judged.suppressed_reason is null then cast(judged.n as {{ dbt.type_bigint() }}) end as n_answered,
    case when judged.suppressed_reason is null then cast(judged.persons as {{ dbt.type_bigint() }}) end as n_subjects,
    case
        when judged.suppressed_reason is null
        then cast(100 * {{ ratio("judged.hits", "judged.n") }} as {{ type_double() }})
    end as value,
    case
        when judged.suppressed_reason is null
        then cast(100 * {{ wilson_low("judged.hits", "judged.n", "judged.persons") }} as {{ type_double() }})
    end as ci_low,
    case
        when judged.suppressed_reason is null
        then cast(100 * {{ wilson_high("judged.hits", "judged.n", "judged.persons") }} as {{ type_double() }})
    end as ci_high,
    -- times
    judged.period_start,
    judged.period_end
from judged
where judged.agent_key not like 'restricted:%'
