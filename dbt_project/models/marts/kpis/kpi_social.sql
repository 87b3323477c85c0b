-- One row per metric, variant, period and breakdown cell: mentions and replies, with the reach that sources report.
{{
    wide_mart(
        ["mentions", "mention_replied_share"],
        ["int_metrics_social"],
        [["total_reach", dbt.type_bigint()], ["n_with_reach", dbt.type_bigint()]],
    )
}}
