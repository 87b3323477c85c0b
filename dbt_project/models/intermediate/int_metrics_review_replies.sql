-- One row per metric, variant, period and breakdown cell: review_reply_hours.
with
    items as (
        select
            'review_reply_hours' as metric_id,
            clocks.clock,
            review.posted_at as anchor_at,
            review.review_key as record_key,
            review.subject_key,
            review.source,
            review.channel,
            review.product_id as product,
            review.store_id as store,
            review.language,
            clocks.minutes / 60 as duration,
            clocks.is_event
        from
            (
                select review_key, 'calendar' as clock, calendar_minutes as minutes, is_event, calendar_minutes
                from {{ ref("int_review_clocks") }}
                union all
                select review_key, 'business' as clock, business_minutes as minutes, is_event, calendar_minutes
                from {{ ref("int_review_clocks") }}
            ) as clocks
        inner join {{ ref("fct_reviews") }} as review on clocks.review_key = review.review_key
        where clocks.minutes is not null and clocks.calendar_minutes >= 0
    )

select *
from ({{ km_metric_rows("items", review_breakdowns()) }}) as timed
