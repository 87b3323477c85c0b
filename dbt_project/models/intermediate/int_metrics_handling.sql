-- One row per metric, variant, period and breakdown cell: reopen_rate and processing_rate.
-- Rates within N days count matured cohorts only: items whose N days had passed when their source was last observed.
{% set windows = {"within_7_days": 7, "within_1_day": 1, "within_3_days": 3, "within_30_days": 30} %}
with
    cases as (
        select *, not is_merged and not is_spam and not is_end_unknown as is_in_cohort
        from {{ ref("int_case_milestones") }}
    ),
    reopenings as (
        select
            'reopen_rate' as metric_id,
            'within_30_days' as variant,
            first_resolved_at as anchor_at,
            case_key as record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("cases") }},
            coalesce(
                reopen_count > 0 and {{ minutes_between("first_resolved_at", "first_reopened_at") }} <= 30 * 1440, false
            ) as is_hit
        from cases
        where
            is_in_cohort
            and is_reopening_timed
            and reopen_count is not null
            and first_resolved_at >= opened_at
            and {{ minutes_between("first_resolved_at", "observed_until") }} >= 30 * 1440
        union all
        select
            'reopen_rate',
            'ever_reopened',
            opened_at,
            case_key,
            subject_key,
            counted_key,
            {{ case_dimensions("cases") }},
            reopen_count > 0
        from cases
        where not is_merged and not is_spam and reopen_count is not null
    ),
    timed as (select * from {{ ref("int_handling_items") }}),
    processed as (
        select
            'processing_rate' as metric_id,
            received_at as anchor_at,
            record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("timed") }},
            minutes_to_handling / 1440 as days_to_handling,
            handled_at is not null as is_handled,
            minutes_observed / 1440 as days_observed
        from timed
    ),
    {% set counts = {
        "n_items": "count(*)",
        "n_handled": "sum(case when is_handled then 1 else 0 end)",
    } %}
    {% for variant, days in windows.items() %}
        {% do counts.update(
            {
                variant ~ "_n": "sum(case when days_observed >= " ~ days ~ " then 1 else 0 end)",
                variant
                ~ "_subjects": "count(distinct case when days_observed >= "
                ~ days
                ~ " then person_number end)",
                variant
                ~ "_hit": "sum(case when days_observed >= "
                ~ days
                ~ " and days_to_handling <= "
                ~ days
                ~ " then 1 else 0 end)",
            }
        ) %}
    {% endfor %}
    processed_cells as ({{ metric_cells("processed", processing_breakdowns(), counts, keys=["metric_id"]) }}),
    in_periods as ({{ periods("timed", "received_at") }}),
    within_period as (
        select
            'processing_rate' as metric_id,
            'period' as variant,
            period_grain,
            period_start,
            period_end,
            record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("in_periods") }},
            handled_at is not null as is_handled,
            coalesce(
                case
                    when period_grain = 'all'
                    then handled_at is not null
                    else {{ local_date("handled_at") }} < period_end
                end,
                false
            ) as is_hit
        from in_periods
    ),
    {% set no_part = "cast(null as " ~ dbt.type_bigint() ~ ")" %}
    reopening_rows as (
        {{
            share_rows(
                "reopenings",
                case_breakdowns(),
                parts={
                    "n_items": no_part,
                    "n_handled": no_part,
                    "n_maturing": no_part,
                },
            )
        }}
    ),
    matured_cells as (
        {% for variant in windows %}
            select
                processed_cells.*,
                '{{ variant }}' as variant,
                {{ variant }}_subjects as n_matured_subjects,
                {{ variant }}_n as n_matured,
                {{ variant }}_hit as n_hit
            from processed_cells
            where {{ variant }}_n > 0
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    period_rows as (
        {{
            share_rows(
                "within_period",
                processing_breakdowns(),
                anchor=none,
                parts={
                    "n_items": "count(*)",
                    "n_handled": "sum(case when is_handled then 1 else 0 end)",
                    "n_maturing": "cast(0 as " ~ dbt.type_bigint() ~ ")",
                },
            )
        }}
    )
select *
from reopening_rows
union all
select
    {{
        metric_row(
            dict(share_expressions("n_hit", "n_matured", "n_matured", "0"), n_subjects="n_matured_subjects"),
            parts={
                "n_items": "n_items",
                "n_handled": "n_handled",
                "n_maturing": "n_items - n_matured",
            },
        )
    }}
from matured_cells
union all
select *
from period_rows
