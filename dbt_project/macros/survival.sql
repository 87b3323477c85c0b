{#
    Times of things that may not have happened yet: Kaplan-Meier quantiles by cell.

    km_cells(relation, breakdowns, keys=['metric_id', 'clock'], anchor='anchor_at', grains=none,
             coarse=['month', 'quarter', 'year', 'all'])
        Takes items as metric_cells() does (keys, anchor, record_key, subject_key, dimensions), each with
            duration    in the metric's unit, never null or negative: until it happened, or was last seen open
            is_event    whether it happened
        and gives one row per keys, period and breakdown cell with the leading columns of metric_cells() (so that
        metric_row() reads it), then n_items, n_events, n_censored, mean_finished, se_finished, p50_finished (null where
        nothing happened), and for p50, p75, p90: km_<p>, km_<p>_low, km_<p>_high.

    q-quantile = smallest t with S(t) <= 1 - q; null where S never falls that low. Bounds: the times at which the
    log-log band of Greenwood's variance crosses 1 - q (Brookmeyer and Crowley 1982; Kalbfleisch and Prentice 2002);
    null where a bound never does. An item last seen open at t was at risk for what happens at t.

    by_both_clocks(relation)
        every row with calendar_minutes not negative once by the wall clock and, where it has any, once by business time:
        its columns, clock ('calendar' or 'business') and minutes.

    clock_variants()
        a relation of the variants of a timed metric: variant, clock, quantity.

    km_metric_rows(relation, breakdowns, parts={})
        the rows of an int_metrics_* model from such items with the clocks 'calendar' and 'business'.

    finished_within({name: duration})
        parts: of the items of a cell, how many it happened to within so much time.

    Keep out: what is timed, and how business minutes are counted (business_time.sql).
#}
{% macro km_quantiles() %} {{ return({"p50": 0.5, "p75": 0.75, "p90": 0.9}) }} {% endmacro %}

{% macro km_cells(
    relation,
    breakdowns,
    keys=["metric_id", "clock"],
    anchor="anchor_at",
    grains=none,
    coarse=["month", "quarter", "year", "all"],
    parts={}
) -%}
    {% set text = dbt.type_string() %}
    with
        km_numbered as ({{ numbered_persons(relation) }}),
        km_items as (
            {% if anchor %}{{ periods("km_numbered", anchor, grains) }}{% else %}select * from km_numbered {% endif %}
        )
        {% for breakdown in breakdowns %}
            {% set members = breakdown.split(",") if breakdown else [] %}
            {% set cell = keys + ["period_grain", "period_start", "period_end"] + members %}
            {% set cell_list = cell | join(", ") %}
            {% set nr = loop.index %},
            items_{{ nr }} as (
                select
                    {{ (keys + ["period_grain", "period_start", "period_end"]) | join(", ") }},
                    {% for member in members %}
                        coalesce(cast({{ member }} as {{ text }}), 'unknown') as {{ member }},
                    {% endfor %}
                    person_number,
                    is_person,
                    duration,
                    is_event
                from km_items
                {% if members not in ([], ["source"]) %}
                    where period_grain in ('{{ coarse | join("', '") }}')
                {% endif %}
            ),
            totals_{{ nr }} as (
                select
                    {{ cell_list }},
                    row_number() over (order by {{ cell_list }}) as cell,
                    count(distinct person_number) as n_subjects,
                    case
                        when count(case when is_person then 1 end) = count(*) then 'person' else 'record'
                    end as subject_basis,
                    count(*) as n_items,
                    sum(case when is_event then 1 else 0 end) as n_events,
                    sum(case when is_event then 0 else 1 end) as n_censored,
                    avg(case when is_event then duration end) as mean_finished,
                    {{
                        mean_se(
                            "stddev_samp(case when is_event then duration end)",
                            "sum(case when is_event then 1 else 0 end)",
                        )
                    }} as se_finished,
                    {{ quantile_of("case when is_event then duration end", 0.5) }} as p50_finished
                    {% for name, expression in parts.items() %}, {{ expression }} as {{ name }} {% endfor %}
                from items_{{ nr }}
                group by {{ cell_list }}
            ),
            -- one row per item, events before what was last seen open at the same time: the product over single events
            -- (1 - 1 / n)(1 - 1 / (n - 1)) ... is 1 - d / n, and the variance's sum telescopes likewise
            risks_{{ nr }} as (
                select
                    t.cell,
                    i.duration,
                    i.is_event,
                    t.n_items - row_number() over (
                        partition by t.cell order by i.duration, case when i.is_event then 0 else 1 end
                    )
                    + 1 as at_risk
                from items_{{ nr }} as i
                inner join
                    totals_{{ nr }} as t
                    on {% for column in cell -%}
                        i.{{ column }} is not distinct from t.{{ column }} {% if not loop.last %} and {% endif %}
                    {%- endfor %}
            ),
            sums_{{ nr }} as (
                select
                    cell,
                    duration,
                    at_risk,
                    sum(case when at_risk > 1 then ln(1 - 1 / cast(at_risk as {{ type_double() }})) else 0 end) over (
                        partition by cell order by at_risk desc rows between unbounded preceding and current row
                    ) as log_survival,
                    sum(
                        case when at_risk > 1 then 1 / (cast(at_risk as {{ type_double() }}) * (at_risk - 1)) else 0 end
                    ) over (partition by cell order by at_risk desc rows between unbounded preceding and current row)
                    as greenwood
                from risks_{{ nr }}
                where is_event
            ),
            curve_{{ nr }} as (
                select
                    cell,
                    duration,
                    -- nobody left: S is 0, and its band undefined
                    case when at_risk = 1 then 0 else exp(log_survival) end as s,
                    -- S ** exp(+-z * se of log(-log S))
                    case
                        when at_risk > 1 then exp(log_survival * exp({{ z() }} * sqrt(greenwood) / - log_survival))
                    end as s_low,
                    case
                        when at_risk > 1 then exp(log_survival * exp(-{{ z() }} * sqrt(greenwood) / - log_survival))
                    end as s_high
                from sums_{{ nr }}
            ),
            quantiles_{{ nr }} as (
                select
                    cell
                    {% for name, q in km_quantiles().items() %}
                        ,
                        -- sums of logarithms miss an exact 1 - q by rounding
                        min(case when s <= 1 - {{ q }} + 1e-9 then duration end) as km_{{ name }},
                        min(case when s_low <= 1 - {{ q }} + 1e-9 then duration end) as km_{{ name }}_low,
                        min(case when s_high <= 1 - {{ q }} + 1e-9 then duration end) as km_{{ name }}_high
                    {% endfor %}
                from curve_{{ nr }}
                group by cell
            )
        {% endfor %}
    {% for breakdown in breakdowns %}
            {% set members = breakdown.split(",") if breakdown else [] %}
        select
            {% for key in keys %} t.{{ key }}, {% endfor %}
            t.period_grain,
            t.period_start,
            t.period_end,
            '{{ breakdown }}' as breakdown,
            {% for dimension in metric_dimensions() %}
                {% if dimension in members %} t.{{ dimension }}
                {% else %} cast(null as {{ text }})
                {% endif %} as {{ dimension }},
            {% endfor %}
            t.n_subjects,
            t.subject_basis,
            t.n_items,
            t.n_events,
            t.n_censored,
            t.mean_finished,
            t.se_finished,
            t.p50_finished
            {% for name in km_quantiles() %}, q.km_{{ name }}, q.km_{{ name }}_low, q.km_{{ name }}_high {% endfor %}
            {% for name in parts %}, t.{{ name }} {% endfor %}
        from totals_{{ loop.index }} as t
        left join quantiles_{{ loop.index }} as q on q.cell = t.cell
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
{%- endmacro %}

{% macro by_both_clocks(relation) -%}
    {% for clock in ["calendar", "business"] %}
        select timed.*, '{{ clock }}' as clock, {{ clock }}_minutes as minutes
        from {{ relation }} as timed
        where calendar_minutes >= 0 and {{ clock }}_minutes is not null
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
{%- endmacro %}

{% macro clock_variants() -%}
    {% for clock, quantities in {
        "calendar": ["km_p50", "km_p75", "km_p90", "mean_finished", "p50_finished"],
        "business": ["km_p50", "km_p90", "mean_finished"],
    }.items() %}
        {% set outer = loop %}
        {% for quantity in quantities %}
            select '{{ quantity }}_{{ clock }}' as variant, '{{ clock }}' as clock, '{{ quantity }}' as quantity
            {% if not (loop.last and outer.last) %}
                union all
            {% endif %}
        {% endfor %}
    {% endfor %}
{%- endmacro %}

{% macro km_metric_rows(relation, breakdowns, parts={}) -%}
    with
        km as ({{ km_cells(relation, breakdowns, parts=parts) }}),
        variants as ({{ clock_variants() }}),
        picked as (
            select
                km.*,
                variants.variant,
                case
                    variants.quantity
                    {% for name in km_quantiles() %} when 'km_{{ name }}' then km.km_{{ name }} {% endfor %}
                    when 'mean_finished'
                    then km.mean_finished
                    when 'p50_finished'
                    then km.p50_finished
                end as picked_value,
                case
                    variants.quantity
                    {% for name in km_quantiles() %} when 'km_{{ name }}' then km.km_{{ name }}_low {% endfor %}
                    when 'mean_finished'
                    then km.mean_finished - {{ t_quantile("(km.n_events - 1)") }} * km.se_finished
                end as picked_low,
                case
                    variants.quantity
                    {% for name in km_quantiles() %} when 'km_{{ name }}' then km.km_{{ name }}_high {% endfor %}
                    when 'mean_finished'
                    then km.mean_finished + {{ t_quantile("(km.n_events - 1)") }} * km.se_finished
                end as picked_high,
                case when variants.quantity = 'mean_finished' then km.se_finished end as picked_error,
                case
                    when variants.quantity = 'mean_finished'
                    then 't'
                    when variants.quantity <> 'p50_finished'
                    then 'km_log_log'
                end as picked_method,
                case
                    when variants.quantity in ('mean_finished', 'p50_finished') then km.n_events else km.n_items
                end as picked_denominator
            from km
            inner join variants on variants.clock = km.clock
        )
    select
        {{
            metric_row(
                {
                    "n_eligible": "n_items",
                    "n_answered": "n_events",
                    "denominator": "picked_denominator",
                    "value": "picked_value",
                    "standard_error": "picked_error",
                    "ci_low": "picked_low",
                    "ci_high": "picked_high",
                    "ci_method": "picked_method",
                    "n_censored": "n_censored",
                },
                parts=dict(zip(parts, parts)),
            )
        }}
    from picked
{%- endmacro %}

{% macro finished_within(bounds) %}
    {% set parts = {} %}
    {% for name, bound in bounds.items() %}
        {% do parts.update({name: "count(case when is_event and duration <= " ~ bound ~ " then 1 end)"}) %}
    {% endfor %}
    {{ return(parts) }}
{% endmacro %}
