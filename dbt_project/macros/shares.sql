{# A family of shares in percent: items with is_hit (boolean, never null) to rows of an int_metrics_* model, with the
   interval of Wilson. Takes items as metric_cells() does; `n_censored` may name a column of 0 and 1 that marks items
   which are no part of the denominator yet, `is_counted` a boolean one that is false for items which no figure of the
   row counts. `parts` are further aggregates, over all items of the cell, appended under their names.
   Keep out: which items count, and what is a hit. #}
{% macro share_rows(relation, breakdowns, anchor="anchor_at", n_censored=none, is_counted="true", parts={}) -%}
    {% set settled = is_counted ~ (" and " ~ n_censored ~ " = 0" if n_censored else "") %}
    {% set share_aggregates = {
        "n_counted": "sum(case when " ~ is_counted ~ " then 1 else 0 end)",
        "n_hit": "sum(case when " ~ settled ~ " and is_hit then 1 else 0 end)",
        "n_open": "sum(case when " ~ is_counted ~ " then " ~ (n_censored or 0) ~ " else 0 end)",
        "n_settled": "sum(case when " ~ settled ~ " then 1 else 0 end)",
        "n_counted_subjects": "count(distinct case when " ~ is_counted ~ " then person_number end)",
        "n_counted_persons": "count(case when " ~ is_counted ~ " then subject_key end)",
    } %}
    {% do share_aggregates.update(parts) %}
    with cells as ({{ metric_cells(relation, breakdowns, share_aggregates, anchor=anchor) }})
    select
        {{
            metric_row(
                dict(
                    share_expressions("n_hit", "n_settled", "n_counted", "n_open"),
                    n_subjects="n_counted_subjects",
                    subject_basis="case when n_counted_persons = n_counted then 'person' else 'record' end",
                ),
                parts=dict(zip(parts, parts)),
            )
        }}
    from cells
    where n_counted > 0
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
