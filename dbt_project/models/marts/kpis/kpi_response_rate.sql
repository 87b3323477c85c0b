-- One row per metric, variant, period and breakdown cell: survey response rate, with the steps of the invitation.
{{
    wide_mart(
        ["response_rate"],
        {
            "int_metrics_response_rate": counted(
                [
                    "n_sent",
                    "n_delivered",
                    "n_bounced",
                    "n_started",
                    "n_completed",
                    "n_incentivised",
                    "n_incentivised_delivered",
                    "n_incentivised_completed",
                ]
            )
        },
    )
}}
