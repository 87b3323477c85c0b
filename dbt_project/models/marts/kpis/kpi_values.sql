-- One row per metric, variant, period and breakdown cell: every KPI, long, exact.
{% set text, whole, real = dbt.type_string(), dbt.type_bigint(), type_double() %}
with
    metric_rows as (
        select
            cell.*,
            registry.version as metric_version,
            registry.is_headline,
            registry.unit,
            registry.direction,
            registry.min_n,
            registry.maturity_days,
            registry.record_kind,
            coalesce(cell.n_answered, cell.n_eligible, cell.denominator) as n,
            -- one text each to join and sort by: the period of a metric, and the series a row stands in
            {{ key_of(["metric_id", "variant", "period_grain", "period_start"], "cell") }} as period_key,
            {{ key_of(series_columns(), "cell") }} as series_key
        from {{ ref("int_metrics_all") }} as cell
        inner join
            {{ ref("dim_metrics") }} as registry
            on cell.metric_id = registry.metric_id
            and cell.variant = registry.variant
            and registry.is_in_force
            -- the company may publish less than the models cut
            and ';' || registry.breakdowns || ';' like '%;' || cell.breakdown || ';%'
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
            metric_rows.period_key,
            min(sources.observed_until) over (partition by metric_rows.period_key) as observed_until,
            sources.load_id,
            row_number() over (
                partition by metric_rows.period_key order by sources.loaded_at desc nulls last, sources.load_id desc
            ) as recency
        from metric_rows
        inner join sources on metric_rows.source = sources.source
        where metric_rows.breakdown = 'source' and metric_rows.cohort_age_months is null
    ),

    pooled as (select period_key, observed_until, load_id from contributions where recency = 1),

    consent_rejections as (
        select source, name as record_kind, sum(n) as n
        from {{ source("lake", "_ledger") }}
        where level = 'rows' and measure = 'rejected' and reason in ({{ refused_without_consent() }})
        group by source, name
    ),

    rejections as (
        select 'source|' || record_kind || '|' || source as rejection_key, n
        from consent_rejections
        union all
        select '|' || record_kind || '|' as rejection_key, sum(n) as n
        from consent_rejections
        group by record_kind
    ),

    placed as (
        select
            metric_rows.*,
            -- a source that tells no times is observed through nobody knows when, whatever others are
            case when metric_rows.source is null then pooled.observed_until else own.observed_until end as data_through,
            coalesce(own.load_id, pooled.load_id) as load_id,
            case
                when cohort_age_months is null
                then concat_ws(',' {% for dimension in metric_dimensions() %}, metric_rows.{{ dimension }} {% endfor %})
            end as member,
            case
                when
                    period_grain = 'all'
                    and breakdown in ('', 'source')
                    -- where every record is one item of all metrics that count the kind; an answer may be one to any
                    -- question, a review may leave the recommendation out, an order is not a customer
                    and record_kind in ('survey_invitation', 'call', 'mention')
                then breakdown || '|' || record_kind || '|' || coalesce(metric_rows.source, '')
            end as rejection_key
        from metric_rows
        left join sources as own on metric_rows.source = own.source
        left join pooled on metric_rows.period_key = pooled.period_key
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
            {% for column in [
                "value",
                "standard_error",
                "ci_low",
                "ci_high",
                "n",
                "period_end",
                "is_complete_period",
            ] %}
                lag({{ column }}) over (partition by series_key order by period_start) as last_{{ column }}
                {% if not loop.last %}, {% endif %}
            {% endfor %}
        from completed
    ),

    compared as (
        select
            sequenced.*,
            case when last_period_end = period_start and last_is_complete_period then last_value end as previous_value,
            -- how far the interval of the difference reaches: by standard errors where there are, else recovered
            -- from the intervals of both; null where it is open, or where one of the figures has none
            {% for side, bound, last_bound in [
                ["down", "ci_low", "last_ci_high"],
                ["up", "ci_high", "last_ci_low"],
            ] %}
                case
                    when last_period_end = period_start and last_is_complete_period
                    then
                        coalesce(
                            {{ z() }} * sqrt(power(standard_error, 2) + power(last_standard_error, 2)),
                            {{ recovered_reach("value", bound, "last_value", last_bound) }}
                        )
                end as reach_{{ side }}
                {% if not loop.last %}, {% endif %}
            {% endfor %}
        from sequenced
    ),

    -- the channel's value had it the case mix of all channels; null where it covers less than four fifths of that mix
    -- (weights add up to a last bit: hence the billionth)
    strata as (
        select period_key, channel, coalesce(touchpoint, case_type) as stratum, value, denominator
        from metric_rows
        where
            breakdown in ('channel,touchpoint', 'channel,case_type')
            and unit in ('percent', 'points')
            and value is not null
            and denominator > 0
    ),

    mix as (select period_key, stratum, sum(denominator) as weight from strata group by period_key, stratum),

    totals as (select period_key, sum(weight) as weight from mix group by period_key),

    standardised as (
        select
            strata.period_key,
            strata.channel,
            case
                when sum(mix.weight) >= .8 * max(totals.weight) * (1 - 1e-9)
                then sum(mix.weight * strata.value) / nullif(sum(mix.weight), 0)
            end as value_standardised
        from strata
        inner join mix on strata.period_key = mix.period_key and strata.stratum = mix.stratum
        inner join totals on strata.period_key = totals.period_key
        group by strata.period_key, strata.channel
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
    -- the ledger knows what was refused by source and kind, over all time; of finer cells and of questions nobody knows
    cast(case when c.rejection_key is not null then coalesce(rejections.n, 0) end as {{ whole }}) as n_excluded_consent,
    c.n_subjects,
    c.subject_basis,
    c.numerator,
    c.denominator,
    c.value,
    -- a score interval drawn towards the middle may miss the value of a few answers
    case when c.ci_low > c.value then c.value else c.ci_low end as ci_low,
    case when c.ci_high < c.value then c.value else c.ci_high end as ci_high,
    c.ci_method,
    cast(standardised.value_standardised as {{ real }}) as value_standardised,
    c.previous_value,
    cast(c.value - c.previous_value as {{ real }}) as difference,
    cast(c.value - c.previous_value - c.reach_down as {{ real }}) as difference_ci_low,
    cast(c.value - c.previous_value + c.reach_up as {{ real }}) as difference_ci_high,
    case
        when c.reach_down is not null or c.reach_up is not null
        then
            (
                coalesce(c.value - c.previous_value > c.reach_down, false)
                or coalesce(c.previous_value - c.value > c.reach_up, false)
            )
            and c.n >= c.min_n
            and c.last_n >= c.min_n
    end as is_significant,
    c.n_censored,
    cast(target.target_value as {{ real }}) as target_value,
    cast(
        case
            when c.value is null or target.target_value is null
            then null
            when
                (c.direction = 'up' and c.value >= target.target_value)
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
    on c.period_key = standardised.period_key
    and case when c.breakdown = 'channel' then c.channel end = standardised.channel
left join
    {{ ref("dim_targets") }} as target
    on c.metric_id = target.metric_id
    and c.breakdown = target.breakdown
    and c.member = target.member
    and c.variant = coalesce(target.variant, case when c.is_headline then c.variant end)
    and coalesce(c.period_start, {{ local_date("c.data_through") }}) >= target.valid_from
    and coalesce(c.period_start, {{ local_date("c.data_through") }}) < target.valid_to
left join rejections on c.rejection_key = rejections.rejection_key
