-- One row per metric, variant, period and breakdown cell: review_reply_hours.
with
    clocks as ({{ by_both_clocks(ref("int_review_clocks")) }}),

    items as (
        select
            'review_reply_hours' as metric_id,
            clocks.clock,
            review.posted_at as anchor_at,
            review.review_key as record_key,
            review.subject_key,
            review.counted_key,
            review.source,
            review.channel,
            review.product_id as product,
            review.store_id as store,
            review.language,
            clocks.minutes / 60 as duration,
            clocks.is_event
        from clocks
        inner join {{ ref("fct_reviews") }} as review on clocks.review_key = review.review_key
    )

select *
from ({{ km_metric_rows("items", review_breakdowns()) }}) as timed
