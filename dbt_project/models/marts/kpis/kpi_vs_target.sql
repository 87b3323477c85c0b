-- One row per metric, variant, period and breakdown cell that has a target: value, target and gap (positive = better).
select
    {% for column in kpi_value_columns() %} v.{{ column }}, {% endfor %}
    cast(
        case
            when registry.direction = 'down' then v.target_value - v.value else v.value - v.target_value
        end as {{ type_double() }}
    ) as gap_to_target
from {{ ref("kpi_values") }} as v
inner join {{ ref("dim_metrics") }} as registry on v.metric_id = registry.metric_id and v.variant = registry.variant
where v.target_value is not null
