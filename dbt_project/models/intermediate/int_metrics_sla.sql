-- One row per metric, variant, period and breakdown cell: sla_attainment and timely_response.
-- House attainment counts instances, in the period in which their target falls due; cancelled ones are out, active
-- ones are
-- counted as n_censored until they are met or breached. The source's own flags count cases, in the period they were
-- opened in.
with
    cases as (select * from {{ ref("int_case_milestones") }}),
    instances as (
        select
            'sla_attainment' as metric_id,
            'house' as variant,
            instances.due_at as anchor_at,
            instances.case_key as record_key,
            cases.subject_key,
            {{ case_dimensions("cases") }},
            instances.sla_policy,
            instances.sla_metric,
            instances.state = 'met' as is_hit,
            case when instances.state = 'active' then 1 else 0 end as is_active
        from {{ ref("int_sla_instances") }} as instances
        inner join cases on cases.case_key = instances.case_key
        where instances.state <> 'cancelled' and instances.due_at is not null
    ),
    flags as (
        select
            'sla_attainment' as metric_id,
            'source_flag' as variant,
            opened_at as anchor_at,
            case_key as record_key,
            subject_key,
            {{ case_dimensions("cases") }},
            is_sla_met as is_hit
        from cases
        where is_sla_met is not null
        union all
        select
            'timely_response',
            'source_flag',
            opened_at,
            case_key,
            subject_key,
            {{ case_dimensions("cases") }},
            is_timely
        from cases
        where is_timely is not null
        union all
        select
            'timely_response',
            'closed_untimely',
            opened_at,
            case_key,
            subject_key,
            {{ case_dimensions("cases") }},
            coalesce(close_reason = 'untimely', false)
        from cases
        where is_timely is not null
    ),
    house_rows as (
        {{
            share_rows(
                "instances",
                case_breakdowns() + ["sla_policy", "sla_metric", "sla_policy,sla_metric"],
                n_censored="is_active",
            )
        }}
    ),
    flag_rows as ({{ share_rows("flags", case_breakdowns()) }})
select *
from house_rows
union all
select *
from flag_rows
