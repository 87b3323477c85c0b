-- One row per metric, variant, period and breakdown cell: satisfaction and mean rating, with the count of each scale
-- point.
{{
    wide_mart(
        ["csat", "rating_mean"],
        {
            "int_metrics_scores": counted(["n_satisfied"])
            + [["n_effective", type_double()], ["scale_min", type_double()], ["scale_max", type_double()]]
            + score_point_parts()
        },
    )
}}
