-- One row per metric, variant, period and breakdown cell: mentions and replies, with the reach and the reactions that
-- sources report.
{{
    wide_mart(
        ["mentions", "mention_replied_share"],
        {"int_metrics_social": counted(["total_reach", "n_with_reach", "total_reactions", "n_ever_replied"])},
    )
}}
