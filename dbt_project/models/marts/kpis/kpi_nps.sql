-- One row per metric, variant, period and breakdown cell: Net Promoter Score, with the count of promoters, passives
-- and detractors.
{{
    wide_mart(
        ["nps"],
        ["int_metrics_scores"],
        [
            ["n_promoters", dbt.type_bigint()],
            ["n_passives", dbt.type_bigint()],
            ["n_detractors", dbt.type_bigint()],
            ["n_effective", type_double()],
        ],
    )
}}
