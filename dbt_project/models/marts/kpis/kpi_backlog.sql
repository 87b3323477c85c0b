-- One row per metric, variant, period and breakdown cell: open cases at the end of the period.
{{ wide_mart(["backlog"]) }}
