-- One row per metric, variant, period and breakdown cell: customer effort, with the count of easy and hard answers.
{{
    wide_mart(
        ["ces"],
        {
            "int_metrics_scores": counted(["n_easy", "n_hard"])
            + [["scale_min", type_double()], ["scale_max", type_double()]]
        },
    )
}}
