-- One row per variant, period and breakdown cell: churn_rate, what retention_rate leaves of 100 (net revenue: below
-- zero where the customers who stayed grew by more than the others took away).
select
    {{
        metric_row(
            {
                "metric_id": "'churn_rate'",
                "currency": "currency",
                "n_eligible": "n_eligible",
                "n_answered": "n_answered",
                "numerator": "denominator - numerator",
                "denominator": "denominator",
                "value": "100 - value",
                "standard_error": "standard_error",
                "ci_low": "100 - ci_high",
                "ci_high": "100 - ci_low",
                "ci_method": "ci_method",
                "n_censored": "n_censored",
            },
            parts={
                "n_stayed": "n_stayed",
                "n_left": "n_left",
                "amount_left": "amount_left",
                "amount_contracted": "amount_contracted",
                "amount_expanded": "amount_expanded",
            },
        )
    }}
from {{ ref("int_metrics_retention") }}
where cohort_age_months is null
