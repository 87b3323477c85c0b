-- One row per metric, variant, period and breakdown cell: satisfaction and mean rating, with the count of each scale
-- point.
{{
    wide_mart(
        ["csat", "rating_mean"],
        ["int_metrics_scores"],
        [
            ["n_satisfied", dbt.type_bigint()],
            ["n_effective", type_double()],
            ["scale_min", type_double()],
            ["scale_max", type_double()],
            ["n_score_0", dbt.type_bigint()],
            ["n_score_1", dbt.type_bigint()],
            ["n_score_2", dbt.type_bigint()],
            ["n_score_3", dbt.type_bigint()],
            ["n_score_4", dbt.type_bigint()],
            ["n_score_5", dbt.type_bigint()],
            ["n_score_6", dbt.type_bigint()],
            ["n_score_7", dbt.type_bigint()],
            ["n_score_8", dbt.type_bigint()],
            ["n_score_9", dbt.type_bigint()],
            ["n_score_10", dbt.type_bigint()],
        ],
    )
}}
