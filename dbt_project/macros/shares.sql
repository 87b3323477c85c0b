{# A family of shares in percent: items with is_hit (boolean, never null) to rows of an int_metrics_* model, with Wilson's interval.
   Takes items as metric_cells() does; `n_censored` may name a column of 0 and 1 that marks items which are no part of the
   denominator yet. Keep out: which items count, and what is a hit. #}
{% macro share_rows(relation, breakdowns, anchor="anchor_at", n_censored=none) -%}
    {% set hits = "case when is_hit then 1 else 0 end" %}
    {% set share_aggregates = {"n_items": "count(*)", "n_hit": "sum(" ~ hits ~ ")", "n_open": "0", "n_settled": "count(*)"} %}
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
    select
        {{
            metric_row(
                {
                    "n_eligible": "n_items",
                    "n_answered": "n_settled",
                    "numerator": "n_hit",
                    "denominator": "n_settled",
                    "value": "100 * " ~ ratio("n_hit", "n_settled"),
                    "standard_error": "100 * " ~ proportion_se("n_hit", "n_settled"),
                    "ci_low": "case when n_settled > 0 then 100 * " ~ wilson_low("n_hit", "n_settled") ~ " end",
                    "ci_high": "case when n_settled > 0 then 100 * " ~ wilson_high("n_hit", "n_settled") ~ " end",
                    "ci_method": "'wilson'",
                    "n_censored": "n_open",
                }
            )
        }}
    from cells
{%- endmacro %}
