{# A family of shares in percent: items with is_hit (boolean, never null) to rows of an int_metrics_* model, with the
   interval of Wilson. Takes items as metric_cells() does; `n_censored` may name a column of 0 and 1 that marks items
   which are no part of the denominator yet.
   Keep out: which items count, and what is a hit. #}
{% macro share_rows(relation, breakdowns, anchor="anchor_at", n_censored=none) -%}
    {% set hits = "case when is_hit then 1 else 0 end" %}
    {% set share_aggregates = {
        "n_items": "count(*)",
        "n_hit": "sum(" ~ hits ~ ")",
        "n_open": "0",
        "n_settled": "count(*)",
    } %}
    {% if n_censored %}
        {% do share_aggregates.update(
            {
                "n_hit": "sum(case when " ~ n_censored ~ " = 1 then 0 else " ~ hits ~ " end)",
                "n_open": "sum(" ~ n_censored ~ ")",
                "n_settled": "sum(1 - " ~ n_censored ~ ")",
            }
        ) %}
    {% endif %}
    with cells as ({{ metric_cells(relation, breakdowns, share_aggregates, anchor=anchor) }})
    select {{ metric_row(share_expressions("n_hit", "n_settled", "n_items", "n_open")) }}
    from cells
{%- endmacro %}

{# What metric_row() needs for a share of k in n, of n_eligible items of which n_censored are not settled. #}
{% macro share_expressions(k, n, n_eligible, n_censored) %}
    {{
        return(
            {
                "n_eligible": n_eligible,
                "n_answered": n,
                "numerator": k,
                "denominator": n,
                "value": "100 * " ~ ratio(k, n),
                "standard_error": "100 * " ~ proportion_se(k, n),
                "ci_low": "case when " ~ n ~ " > 0 then 100 * " ~ wilson_low(k, n) ~ " end",
                "ci_high": "case when " ~ n ~ " > 0 then 100 * " ~ wilson_high(k, n) ~ " end",
                "ci_method": "'wilson'",
                "n_censored": n_censored,
            }
        )
    }}
{% endmacro %}
