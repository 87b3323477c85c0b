-- One row per metric, variant, period and breakdown cell: share of customers or revenue lost.
{{ wide_mart(["churn_rate"]) }}
