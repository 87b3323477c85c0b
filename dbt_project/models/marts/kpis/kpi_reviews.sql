-- One row per metric, variant, period and breakdown cell: ratings, recommendations and replies of reviews, with the
-- count of
-- each scale point. Rows of rating_mean are those of sources that deliver reviews.
{{
    wide_mart(
        ["rating_mean", "recommend_rate", "review_low_share", "review_replied_share", "review_reply_hours"],
        ["int_metrics_scores"],
        [
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
        where="(v.metric_id <> 'rating_mean' or v.source in (select source from " ~ ref("fct_reviews") ~ "))",
    )
}}
