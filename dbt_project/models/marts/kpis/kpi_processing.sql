-- One row per metric, variant, period and breakdown cell: share handled in time and share reopened, with the items
-- received, handled since, and not yet old enough to count.
{{
    wide_mart(
        ["processing_rate", "reopen_rate"],
        {"int_metrics_handling": counted(["n_items", "n_handled", "n_maturing"])},
    )
}}
