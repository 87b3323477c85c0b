-- One row per metric, variant, period and breakdown cell: time to the first resolution.
{{ wide_mart(["resolution_hours"]) }}
