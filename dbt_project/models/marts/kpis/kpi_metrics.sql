-- One row per metric, variant and version: what it is called, how it is computed, by what it is cut.
select
    cast(metric_id as {{ dbt.type_string() }}) as metric_id,
    cast(variant as {{ dbt.type_string() }}) as variant,
    cast(version as {{ dbt.type_bigint() }}) as version,
    is_headline,
    is_in_force,
    {% for column in [
        "unit",
        "direction",
        "formula",
        "numerator",
        "denominator",
        "period_anchor",
        "breakdowns",
        "disclosure",
        "ci_method",
        "rollup",
        "owner",
        "record_kind",
        "name_zh",
        "name_en",
        "description_zh",
        "description_en",
        "example",
        "pitfalls",
    ] %}
        cast({{ column }} as {{ dbt.type_string() }}) as {{ column }},
    {% endfor %}
    cast(min_n as {{ dbt.type_bigint() }}) as min_n,
    cast(maturity_days as {{ dbt.type_bigint() }}) as maturity_days
from {{ ref("dim_metrics") }}
