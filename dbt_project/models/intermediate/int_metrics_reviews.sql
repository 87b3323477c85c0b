-- One row per metric, variant, period and breakdown cell: review_low_share and review_replied_share. Low = at most 2
-- of 5, in proportion on other scales. Replied within N hours = of reviews observed for N hours since their author's
-- last word (posted or last edited); a reply older than that leaves numerator and denominator, as it leaves the reply
-- times: a finding.
with
    reviews as (
        select
            review.review_key as record_key,
            review.subject_key,
            review.counted_key,
            review.source,
            review.channel,
            review.product_id as product,
            review.store_id as store,
            review.language,
            review.posted_at as anchor_at,
            review.rating,
            review.replied_at,
            review.edited_at,
            coalesce(review.rating_max, 5) as rating_max,
            clock.is_event,
            clock.calendar_minutes,
            clock.observed_minutes
        from {{ ref("fct_reviews") }} as review
        left join {{ ref("int_review_clocks") }} as clock on review.review_key = clock.review_key
    ),

    items as (
        select
            reviews.*,
            'review_low_share' as metric_id,
            'at_most_2' as variant,
            case when (rating - 1) / nullif(rating_max - 1, 0) <= .25 then 1 else 0 end as qualifies
        from reviews
        where rating is not null
        {% for hours in [24, 72] %}
            union all
            select
                reviews.*,
                'review_replied_share' as metric_id,
                'within_{{ hours }}_h' as variant,
                case when is_event and calendar_minutes <= {{ hours * 60 }} then 1 else 0 end as qualifies
            from reviews
            where calendar_minutes >= 0 and observed_minutes >= {{ hours * 60 }}
        {% endfor %}
    ),

    cells as (
        {{
            metric_cells(
                "items",
                review_breakdowns(),
                {
                    "n": "count(*)",
                    "n_qualifying": "sum(qualifies)",
                    "n_replied": "count(replied_at)",
                    "n_edited": "count(edited_at)",
                },
            )
        }}
    )

select {{ share_row("n_qualifying", "n", parts={"n_replied": "n_replied", "n_edited": "n_edited"}) }}
from cells
