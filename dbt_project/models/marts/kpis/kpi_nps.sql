-- One row per metric, variant, period and breakdown cell: Net Promoter Score, with the count of promoters, passives
-- and detractors.
{{
    wide_mart(
        ["nps"],
        {
            "int_metrics_scores": counted(["n_promoters", "n_passives", "n_detractors"])
            + [["n_effective", type_double()]]
        },
    )
}}
