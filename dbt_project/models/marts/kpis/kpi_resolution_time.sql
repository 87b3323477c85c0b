-- One row per metric, variant, period and breakdown cell: time to the first resolution, with the count of those
-- resolved within some bounds on the row's clock.
{{
    wide_mart(
        ["resolution_hours"],
        {
            "int_metrics_resolution_time": counted(
                ["n_within_8_hours", "n_within_24_hours", "n_within_72_hours", "n_within_7_days"]
            )
        },
    )
}}
