-- One row per metric, variant and version: the registry as shipped, with what the company adds in its reference files.
-- The newest version of a variant is in force: values are computed by it.
{% set columns = [
    "metric_id",
    "variant",
    "version",
    "is_headline",
    "unit",
    "direction",
    "formula",
    "numerator",
    "denominator",
    "period_anchor",
    "maturity_days",
    "breakdowns",
    "disclosure",
    "ci_method",
    "min_n",
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
with
    own as (select * from {{ source("lake", "_metrics") }}),

    told as (
        select {{ columns | join(", ") }}
        from own
        union all
        select {% for column in columns %} shipped.{{ column }} {%- if not loop.last %}, {% endif %} {% endfor %}
        from {{ ref("metrics") }} as shipped
        left join
            own on shipped.metric_id = own.metric_id and shipped.variant = own.variant and shipped.version = own.version
        where own.metric_id is null
    )

select {{ columns | join(", ") }}, version = max(version) over (partition by metric_id, variant) as is_in_force
from told
