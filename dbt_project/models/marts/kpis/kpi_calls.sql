-- One row per metric, variant, period and breakdown cell: calls answered, abandoned and handled, with their counts.
{{
    wide_mart(
        ["call_abandon_rate", "call_service_level", "call_answer_seconds", "call_handle_seconds"],
        {
            "int_metrics_calls": counted(
                [
                    "n_offered",
                    "n_answered_calls",
                    "n_abandoned_short",
                    "n_abandoned_late",
                    "n_answered_20_s",
                    "n_transferred",
                ]
            )
        },
    )
}}
