-- One row per metric, variant, period and breakdown cell: every family, one under the other.
{% for family in [
    "int_metrics_scores",
    "int_metrics_response_rate",
    "int_metrics_reviews",
    "int_metrics_review_replies",
    "int_metrics_social",
    "int_metrics_calls",
    "int_metrics_response_time",
    "int_metrics_resolution_time",
    "int_metrics_sla",
    "int_metrics_handling",
    "int_metrics_backlog",
    "int_metrics_retention",
    "int_metrics_churn",
] %}
    select {{ metric_columns() | map("first") | join(", ") }}
    from {{ ref(family) }}
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
