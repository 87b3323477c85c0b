-- One row per variant, period and breakdown cell: retention_rate, the share of those active at the start of the
-- period who still are at its end (those who came in between do not count); gross and net revenue of the same
-- customers; and, with cohort_age_months, the triangle of cohorts by month of first purchase: the share still active at
-- the end of that month of age, null where that end was not observed.
{% set breakdowns_of_company = ["", "channel", "segment", "contract", "region"] %}
{% set breakdowns_of_source = ["source", "source,contract"] %}
{% set stayed, left = "count(case when is_hit then 1 end)", "count(case when not is_hit then 1 end)" %}
{% set no_amount = "cast(null as " ~ type_double() ~ ")" %}
{% set share_parts = {
    "n_stayed": stayed,
    "n_left": left,
    "amount_left": no_amount,
    "amount_contracted": no_amount,
    "amount_expanded": no_amount,
} %}
with
    items as (
        select 'retention_rate' as metric_id, items.*, items.is_retained as is_hit
        from {{ ref("int_retention_items") }} as items
    ),
    -- a person is active in the company who is active at any source; a cell of a source counts what it saw itself
    items_of_company as (select * from items where is_of_company),
    items_of_source as (select * from items where is_of_source),
    share_rows as (
        {% for relation, cut in [
            ("items_of_company", breakdowns_of_company),
            ("items_of_source", breakdowns_of_source),
        ] %}
            select *
            from ({{ share_rows(relation, cut, anchor=none, parts=share_parts) }}) as {{ relation }}_rows
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    revenue_items as (
        select
            items.metric_id,
            revenue.variant,
            items.period_grain,
            items.period_start,
            items.period_end,
            items.record_key,
            items.subject_key,
            items.counted_key,
            items.source,
            items.channel,
            items.segment,
            items.contract,
            items.region,
            items.currency,
            items.amount_at_start,
            items.amount_at_end,
            items.is_hit,
            case
                when revenue.variant = 'gross_revenue' and items.amount_at_end > items.amount_at_start
                then items.amount_at_start
                else items.amount_at_end
            end as amount_kept
        from items
        cross join
            (
                select 'gross_revenue' as variant
                union all
                select 'net_revenue'
            ) as revenue
        where
            items.is_of_source
            and items.variant = 'logo'
            and items.amount_at_start > 0
            and items.amount_at_end is not null
    ),
    revenue_cells as (
        {{
            metric_cells(
                "revenue_items",
                breakdowns_of_company + breakdowns_of_source,
                {
                    "n": "count(*)",
                    "kept": "sum(amount_kept)",
                    "at_start": "sum(amount_at_start)",
                    "n_stayed": stayed,
                    "n_left": left,
                    "amount_left": "sum(case when is_hit then 0 else amount_at_start - amount_at_end end)",
                    "amount_contracted": "sum(case when is_hit and amount_at_end < amount_at_start "
                    ~ "then amount_at_start - amount_at_end else 0 end)",
                    "amount_expanded": "sum(case when amount_kept > amount_at_start "
                    ~ "then amount_kept - amount_at_start else 0 end)",
                },
                keys=["metric_id", "variant", "currency"],
                anchor=none,
            )
        }}
    ),
    cohorts as (
        select
            source, subject_key, cast(date_trunc('month', min({{ local_date("ordered_at") }})) as date) as cohort_month
        from {{ ref("stg_orders") }}
        where is_current and subject_key is not null and order_type = 'purchase'
        group by source, subject_key
    ),
    sizes as (select source, cohort_month, count(*) as n from cohorts group by source, cohort_month),
    spans as (
        select
            sizes.source,
            {{ add_months("min(sizes.cohort_month)", 1) }} as first_end,
            max({{ local_date("sources.observed_until") }}) as last_day
        from sizes
        inner join {{ ref("int_sources") }} as sources on sources.source = sizes.source
        group by sizes.source
    ),
    days as ({{ days_of("spans", "first_end", "last_day", ["source", "last_day"]) }}),
    ages as (
        select source, last_day, row_number() over (partition by source order by day) - 1 as age
        from days
        where extract(day from day) = 1
    ),
    -- every cohort has a cell for every age that the oldest cohort of its source has reached
    triangle_ages as (
        select
            sizes.source,
            sizes.cohort_month,
            sizes.n,
            ages.last_day,
            ages.age,
            {{ add_months("sizes.cohort_month", "ages.age + 1") }} as ends_on
        from sizes
        inner join ages on ages.source = sizes.source
    ),
    still_active as (
        select cohorts.source, cohorts.cohort_month, activity.boundary, count(*) as n_active
        from cohorts
        inner join
            {{ ref("int_customer_activity") }} as activity
            on activity.activity = 'purchase'
            and activity.source = cohorts.source
            and activity.subject_key = cohorts.subject_key
        group by cohorts.source, cohorts.cohort_month, activity.boundary
    ),
    triangle as (
        select
            'retention_rate' as metric_id,
            'inactive_90_days' as variant,
            'month' as period_grain,
            triangle_ages.cohort_month as period_start,
            {{ add_months("triangle_ages.cohort_month", 1) }} as period_end,
            'source' as breakdown,
            {% for dimension in metric_dimensions() %}
                {% if dimension == "source" %} triangle_ages.source,
                {% else %} cast(null as {{ dbt.type_string() }}) as {{ dimension }},
                {% endif %}
            {% endfor %}
            triangle_ages.age,
            triangle_ages.n,
            triangle_ages.n as n_subjects,
            'person' as subject_basis,
            case
                when triangle_ages.ends_on <= triangle_ages.last_day then coalesce(still_active.n_active, 0)
            end as n_active
        from triangle_ages
        left join
            still_active
            on still_active.source = triangle_ages.source
            and still_active.cohort_month = triangle_ages.cohort_month
            and still_active.boundary = triangle_ages.ends_on
    )
select *
from share_rows
union all
select
    {{
        metric_row(
            {
                "currency": "currency",
                "n_eligible": "n",
                "n_answered": "n",
                "numerator": "kept",
                "denominator": "at_start",
                "value": "100 * " ~ ratio("kept", "at_start"),
            },
            parts={
                "n_stayed": "n_stayed",
                "n_left": "n_left",
                "amount_left": "amount_left",
                "amount_contracted": "amount_contracted",
                "amount_expanded": "amount_expanded",
            },
        )
    }}
from revenue_cells
union all
select
    {{
        metric_row(
            {
                "cohort_age_months": "age",
                "n_eligible": "n",
                "n_answered": "case when n_active is not null then n end",
                "numerator": "n_active",
                "denominator": "case when n_active is not null then n end",
                "value": "100 * " ~ ratio("n_active", "n"),
                "standard_error": "case when n_active is not null then 100 * "
                ~ proportion_se("n_active", "n")
                ~ " end",
                "ci_low": "case when n_active is not null then 100 * " ~ wilson_low("n_active", "n") ~ " end",
                "ci_high": "case when n_active is not null then 100 * " ~ wilson_high("n_active", "n") ~ " end",
                "ci_method": "'wilson'",
            },
            parts={
                "n_stayed": "n_active",
                "n_left": "case when n_active is not null then n - n_active end",
                "amount_left": no_amount,
                "amount_contracted": no_amount,
                "amount_expanded": no_amount,
            },
        )
    }}
from triangle
