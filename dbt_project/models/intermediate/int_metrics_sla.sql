-- One row per metric, variant, period and breakdown cell: sla_attainment and timely_response.
-- House attainment counts instances, in the period in which their target falls due; cancelled ones are out, and a part
-- of the row, active ones are counted as n_censored until they are met or breached. The source's own flags count cases,
-- in the period they were opened in.
{% set states = ["met", "breached", "active", "active_breached", "cancelled"] %}
{% set house_parts, flag_parts = {}, {} %}
{% for state in states %}
    {% do house_parts.update({"n_" ~ state: "count(case when state = '" ~ state ~ "' then 1 end)"}) %}
    {% do flag_parts.update({"n_" ~ state: "cast(null as " ~ dbt.type_bigint() ~ ")"}) %}
{% endfor %}
{% do flag_parts.update(
    {
        "n_met": "sum(case when is_met then 1 else 0 end)",
        "n_breached": "sum(case when is_met then 0 else 1 end)",
    }
) %}
with
    cases as (select * from {{ ref("int_case_milestones") }}),
    instances as (
        select
            'sla_attainment' as metric_id,
            'house' as variant,
            instances.due_at as anchor_at,
            instances.case_key as record_key,
            cases.subject_key,
            cases.counted_key,
            {{ case_dimensions("cases") }},
            instances.sla_policy,
            instances.sla_metric,
            instances.state,
            instances.state = 'met' as is_hit,
            instances.state <> 'cancelled' as is_counted,
            case when instances.state = 'active' then 1 else 0 end as is_active
        from {{ ref("int_sla_instances") }} as instances
        inner join cases on cases.case_key = instances.case_key
        where instances.due_at is not null
    ),
    flags as (
        select
            'sla_attainment' as metric_id,
            'source_flag' as variant,
            opened_at as anchor_at,
            case_key as record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("cases") }},
            is_sla_met as is_hit,
            is_sla_met as is_met
        from cases
        where is_sla_met is not null
        union all
        select
            'timely_response',
            'source_flag',
            opened_at,
            case_key,
            subject_key,
            counted_key,
            {{ case_dimensions("cases") }},
            is_timely,
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
            counted_key,
            {{ case_dimensions("cases") }},
            coalesce(close_reason = 'untimely', false),
            is_timely
        from cases
        where is_timely is not null
    ),
    house_rows as (
        {{
            share_rows(
                "instances",
                sla_breakdowns(),
                n_censored="is_active",
                is_counted="is_counted",
                parts=house_parts,
            )
        }}
    ),
    flag_rows as ({{ share_rows("flags", case_breakdowns(), parts=flag_parts) }})
select *
from house_rows
union all
select *
from flag_rows
