-- One row per metric, variant, period and breakdown cell: every KPI, long, exact.
{% set text, whole, real = dbt.type_string(), dbt.type_bigint(), type_double() %}
with
    metric_rows as (
        select
            row.*,
            registry.version as metric_version,
            registry.is_headline,
            registry.unit,
            registry.direction,
            registry.min_n,
            registry.maturity_days,
            registry.record_kind,
            coalesce(row.n_answered, row.n_eligible, row.denominator) as n
        from {{ ref("int_metrics_all") }} as row
        inner join
            {{ ref("dim_metrics") }} as registry
            on row.metric_id = registry.metric_id
            and row.variant = registry.variant
    ),

    newest_loads as (
        select source, load_id, loaded_at
        from
            (
                select
                    source,
                    load_id,
                    loaded_at,
                    row_number() over (partition by source order by loaded_at desc, load_id desc) as recency
                from {{ source("lake", "_ledger") }}
            ) as loads
        where recency = 1
    ),

    sources as (
        select sources.source, sources.observed_until, newest_loads.load_id, newest_loads.loaded_at
        from {{ ref("int_sources") }} as sources
        left join newest_loads on sources.source = newest_loads.source
    ),

    -- a cell that pools sources is observed as far as the least far of those that are in it
    contributions as (
        select
            metric_rows.metric_id,
            metric_rows.variant,
            metric_rows.period_grain,
            metric_rows.period_start,
            min(sources.observed_until) over (
                partition by
                    metric_rows.metric_id, metric_rows.variant, metric_rows.period_grain, metric_rows.period_start
            ) as observed_until,
            sources.load_id,
            row_number() over (
                partition by
                    metric_rows.metric_id, metric_rows.variant, metric_rows.period_grain, metric_rows.period_start
                order by sources.loaded_at desc nulls last, sources.load_id desc
            ) as recency
        from metric_rows
        inner join sources on metric_rows.source = sources.source
        where metric_rows.breakdown = 'source' and metric_rows.cohort_age_months is null
    ),

    consent_rejections as (
        select source, name as record_kind, sum(n) as n
        from {{ source("lake", "_ledger") }}
        where level = 'rows' and measure = 'rejected' and reason like '%consent%'
        group by source, name
    ),

    placed as (
        select
            metric_rows.*,
            coalesce(own.observed_until, pooled.observed_until) as data_through,
            coalesce(own.load_id, pooled.load_id) as load_id,
            concat_ws(
                ',' {% for dimension in metric_dimensions() %}, metric_rows.{{ dimension }} {% endfor %}
            ) as member
        from metric_rows
        left join sources as own on metric_rows.source = own.source
        left join
            contributions as pooled
            on metric_rows.metric_id = pooled.metric_id
            and metric_rows.variant = pooled.variant
            and metric_rows.period_grain = pooled.period_grain
            and metric_rows.period_start is not distinct from pooled.period_start
            and pooled.recency = 1
            and metric_rows.source is null
    ),

    completed as (
        select
            placed.*,
            case
                when period_grain <> 'all'
                then
                    coalesce(
                        {{ add_days("period_end", "coalesce(maturity_days, 0)") }} <= {{ local_date("data_through") }},
                        false
                    )
                    and not (metric_id = 'sla_attainment' and variant = 'house' and coalesce(n_censored, 0) > 0)
            end as is_complete_period
        from placed
    ),

    sequenced as (
        select
            completed.*,
            {% for column in ["value", "standard_error", "n", "period_end", "is_complete_period"] %}
                lag({{ column }}) over (
                    partition by
                        metric_id,
                        variant,
                        period_grain,
                        breakdown,
                        {{ metric_dimensions() | join(", ") }},
                        cohort_age_months,
                        currency
                    order by period_start
                ) as last_{{ column }} {% if not loop.last %}, {% endif %}
            {% endfor %}
        from completed
    ),

    compared as (
        select
            sequenced.*,
            case when last_period_end = period_start and last_is_complete_period then last_value end as previous_value,
            case
                when last_period_end = period_start and last_is_complete_period
                then sqrt(power(standard_error, 2) + power(last_standard_error, 2))
            end as difference_error
        from sequenced
    ),

    targets as (
        select
            metric_id,
            variant,
            coalesce(breakdown, '') as breakdown,
            coalesce(member, '') as member,
            target_value,
            valid_from,
            coalesce(
                valid_to,
                lead(valid_from) over (
                    partition by metric_id, variant, breakdown, member order by valid_from, target_id
                )
            ) as valid_to
        from {{ ref("stg_targets") }}
        where is_current
    ),

    -- the channel's value had it the case mix of all channels; null where it covers less than four fifths of that mix
    strata as (
        select
            metric_id,
            variant,
            period_grain,
            period_start,
            channel,
            coalesce(touchpoint, case_type) as stratum,
            value,
            denominator
        from metric_rows
        where
            breakdown in ('channel,touchpoint', 'channel,case_type')
            and unit in ('percent', 'points')
            and value is not null
            and denominator > 0
    ),

    mix as (
        select metric_id, variant, period_grain, period_start, stratum, sum(denominator) as weight
        from strata
        group by metric_id, variant, period_grain, period_start, stratum
    ),

    totals as (
        select metric_id, variant, period_grain, period_start, sum(weight) as weight
        from mix
        group by metric_id, variant, period_grain, period_start
    ),

    standardised as (
        select
            strata.metric_id,
            strata.variant,
            strata.period_grain,
            strata.period_start,
            strata.channel,
            case
                when sum(mix.weight) >= .8 * max(totals.weight)
                then sum(mix.weight * strata.value) / nullif(sum(mix.weight), 0)
            end as value_standardised
        from strata
        inner join
            mix
            on strata.metric_id = mix.metric_id
            and strata.variant = mix.variant
            and strata.period_grain = mix.period_grain
            and strata.period_start is not distinct from mix.period_start
            and strata.stratum = mix.stratum
        inner join
            totals
            on strata.metric_id = totals.metric_id
            and strata.variant = totals.variant
            and strata.period_grain = totals.period_grain
            and strata.period_start is not distinct from totals.period_start
        group by strata.metric_id, strata.variant, strata.period_grain, strata.period_start, strata.channel
    ),

    clock as (select {{ known_at() }} as known_at)

select
    cast(c.metric_id as {{ text }}) as metric_id,
    cast(c.variant as {{ text }}) as variant,
    cast(c.metric_version as {{ whole }}) as metric_version,
    cast(c.is_headline as boolean) as is_headline,
    c.period_grain,
    c.period_start,
    c.period_end,
    cast('{{ var("reporting_tz") }}' as {{ text }}) as period_tz,
    c.is_complete_period,
    c.data_through,
    clock.known_at,
    c.breakdown,
    {% for dimension in metric_dimensions() %} c.{{ dimension }}, {% endfor %}
    c.cohort_age_months,
    c.currency,
    c.n_eligible,
    c.n_answered,
    cast(coalesce(rejections.n, c.n_excluded_consent) as {{ whole }}) as n_excluded_consent,
    c.n_subjects,
    c.subject_basis,
    c.numerator,
    c.denominator,
    c.value,
    c.ci_low,
    c.ci_high,
    c.ci_method,
    cast(standardised.value_standardised as {{ real }}) as value_standardised,
    c.previous_value,
    cast(c.value - c.previous_value as {{ real }}) as difference,
    cast(c.value - c.previous_value - {{ z() }} * c.difference_error as {{ real }}) as difference_ci_low,
    cast(c.value - c.previous_value + {{ z() }} * c.difference_error as {{ real }}) as difference_ci_high,
    case
        when c.difference_error is not null
        then
            abs(c.value - c.previous_value) > {{ z() }} * c.difference_error
            and c.n >= c.min_n
            and c.last_n >= c.min_n
    end as is_significant,
    c.n_censored,
    cast(target.target_value as {{ real }}) as target_value,
    cast(
        case
            when c.value is null or target.target_value is null
            then null
            when (c.direction = 'up' and c.value >= target.target_value)
            or (c.direction = 'down' and c.value <= target.target_value)
            then 'met'
            else 'missed'
        end as {{ text }}
    ) as target_status,
    cast(null as {{ text }}) as suppressed_reason,
    cast(c.load_id as {{ text }}) as load_id
from compared as c
cross join clock
left join
    standardised
    on c.breakdown = 'channel'
    and c.metric_id = standardised.metric_id
    and c.variant = standardised.variant
    and c.period_grain = standardised.period_grain
    and c.period_start is not distinct from standardised.period_start
    and c.channel = standardised.channel
left join
    targets as target
    on c.metric_id = target.metric_id
    and coalesce(target.variant, case when c.is_headline then c.variant end) = c.variant
    and c.breakdown = target.breakdown
    and c.member = target.member
    and c.cohort_age_months is null
    and coalesce(c.period_start, {{ local_date("c.data_through") }}) >= target.valid_from
    and (
        target.valid_to is null or coalesce(c.period_start, {{ local_date("c.data_through") }}) < target.valid_to
    )
left join
    (
        select 'source' as breakdown, source, record_kind, n
        from consent_rejections
        union all
        select '' as breakdown, cast(null as {{ text }}) as source, record_kind, sum(n) as n
        from consent_rejections
        group by record_kind
    ) as rejections
    on c.period_grain = 'all'
    and c.breakdown = rejections.breakdown
    and c.record_kind = rejections.record_kind
    and c.source is not distinct from rejections.source
