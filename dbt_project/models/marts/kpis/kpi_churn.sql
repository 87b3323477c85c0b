-- One row per metric, variant, period and breakdown cell: share of customers or revenue lost, with those who left and
-- what became of the amounts of those who stayed.
{{
    wide_mart(
        ["churn_rate"],
        {
            "int_metrics_churn": counted(["n_stayed", "n_left"])
            + [
                ["amount_left", type_double()],
                ["amount_contracted", type_double()],
                ["amount_expanded", type_double()],
            ]
        },
    )
}}
