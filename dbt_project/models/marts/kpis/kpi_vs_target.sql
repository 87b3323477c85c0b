-- One row per metric, variant, period and breakdown cell that has a target: value, target and the gap between them
-- (positive = better) with its interval, that of the value: a target has no error. A gap is significant where its
-- interval excludes zero and there are enough answers.
{% set real = type_double() %}
with
    compared as (
        select
            v.*,
            registry.min_n,
            case when registry.direction = 'down' then -1 else 1 end as sign,
            coalesce(v.n_answered, v.n_eligible, v.denominator) as n
        from {{ ref("kpi_values") }} as v
        inner join
            {{ ref("dim_metrics") }} as registry
            on v.metric_id = registry.metric_id
            and v.variant = registry.variant
            and v.metric_version = registry.version
        where v.target_value is not null
    )

select
    {% for column in kpi_value_columns() %} {{ column }}, {% endfor %}
    cast(sign * (value - target_value) as {{ real }}) as gap_to_target,
    cast(sign * (case when sign = 1 then ci_low else ci_high end - target_value) as {{ real }}) as gap_ci_low,
    cast(sign * (case when sign = 1 then ci_high else ci_low end - target_value) as {{ real }}) as gap_ci_high,
    case
        when ci_low is not null and ci_high is not null
        then (ci_low > target_value or ci_high < target_value) and coalesce(n >= min_n, false)
    end as is_gap_significant
from compared
