-- One row per metric, variant, period and breakdown cell: calls answered, abandoned and handled, with their counts.
{{
    wide_mart(
        ["call_abandon_rate", "call_service_level", "call_answer_seconds", "call_handle_seconds"],
        ["int_metrics_calls"],
        [
            ["n_offered", dbt.type_bigint()],
            ["n_answered_calls", dbt.type_bigint()],
            ["n_abandoned_short", dbt.type_bigint()],
            ["n_abandoned_late", dbt.type_bigint()],
            ["n_answered_20_s", dbt.type_bigint()],
            ["n_transferred", dbt.type_bigint()],
        ],
    )
}}
