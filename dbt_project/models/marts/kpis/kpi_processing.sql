-- One row per metric, variant, period and breakdown cell: share handled in time and share reopened.
{{ wide_mart(["processing_rate", "reopen_rate"]) }}
