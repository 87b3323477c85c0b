-- One row per metric, variant, period and breakdown cell: time to the first reply, with the count of those replied to
-- within some bounds on the row's clock.
{{
    wide_mart(
        ["first_reply_minutes"],
        {
            "int_metrics_response_time": counted(
                ["n_within_1_hour", "n_within_4_hours", "n_within_8_hours", "n_within_24_hours"]
            )
        },
    )
}}
