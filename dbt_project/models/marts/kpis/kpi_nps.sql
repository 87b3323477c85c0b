-- One row per metric, variant, period and breakdown cell: Net Promoter Score, with the count of promoters, passives
-- and detractors, or, where it is a figure by weight, their weights.
{{
    wide_mart(
        ["nps"],
        {
            "int_metrics_scores": counted(["n_promoters", "n_passives", "n_detractors"])
            + [
                ["w_promoters", type_double()],
                ["w_passives", type_double()],
                ["w_detractors", type_double()],
                ["n_effective", type_double()],
            ]
        },
    )
}}
