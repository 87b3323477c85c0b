-- One row per metric, variant, period and breakdown cell: open cases at the end of the period, how long they have been
-- open, and what moved: open now = open a period before + received + reopened - resolved - closed unresolved -
-- unobserved.
{{
    wide_mart(
        ["backlog"],
        {
            "int_metrics_backlog": [["median_age_days", type_double()]]
            + counted(
                [
                    "n_open_over_7_days",
                    "n_open_over_30_days",
                    "n_open_over_90_days",
                    "n_received",
                    "n_reopened",
                    "n_resolved",
                    "n_closed_unresolved",
                    "n_unobserved",
                ]
            )
        },
    )
}}
