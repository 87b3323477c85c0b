-- One row per variant, period, breakdown cell and, in the triangle of cohorts, month of age: the share retained, with
-- those who left and what became of the amounts of those who stayed.
{{
    wide_mart(
        ["retention_rate"],
        {
            "int_metrics_retention": counted(["n_stayed", "n_left"])
            + [
                ["amount_left", type_double()],
                ["amount_contracted", type_double()],
                ["amount_expanded", type_double()],
            ]
        },
    )
}}
