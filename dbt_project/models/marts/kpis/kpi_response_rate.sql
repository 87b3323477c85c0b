-- One row per metric, variant, period and breakdown cell: survey response rate, with the steps of the invitation.
{{
    wide_mart(
        ["response_rate"],
        ["int_metrics_response_rate"],
        [
            ["n_sent", dbt.type_bigint()],
            ["n_delivered", dbt.type_bigint()],
            ["n_bounced", dbt.type_bigint()],
            ["n_started", dbt.type_bigint()],
            ["n_completed", dbt.type_bigint()],
            ["n_incentivised", dbt.type_bigint()],
            ["n_incentivised_delivered", dbt.type_bigint()],
            ["n_incentivised_completed", dbt.type_bigint()],
        ],
    )
}}
