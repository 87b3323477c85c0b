-- One row per metric, variant, period and breakdown cell: ratings, recommendations and replies of reviews, with the
-- count of each scale point. Rows of rating_mean are those of sources that deliver reviews.
{{
    wide_mart(
        ["rating_mean", "recommend_rate", "review_low_share", "review_replied_share", "review_reply_hours"],
        {"int_metrics_scores": score_point_parts(), "int_metrics_reviews": counted(["n_replied", "n_edited"])},
        where="(v.metric_id <> 'rating_mean' or v.source in (select source from " ~ ref("fct_reviews") ~ "))",
    )
}}
