-- One row per scored answer to an nps, csat, ces or driver item, and per rated review, with every dimension it is cut
-- by.
with
    scale_points as (
        select
            scale_id,
            score,
            max(case when is_satisfied then 1 else 0 end) as satisfied,
            max(case when is_easy then 1 else 0 end) as easy,
            max(case when is_satisfied is not null then 1 else 0 end) as knows_satisfied,
            max(case when is_easy is not null then 1 else 0 end) as knows_easy
        from {{ ref("dim_scales") }}
        group by scale_id, score
    ),

    answers as (
        select
            metric as item_type,
            answer_key as record_key,
            subject_key,
            counted_key,
            source,
            channel,
            product_id,
            store_id,
            touchpoint,
            language,
            survey_id as survey,
            survey_id || '/' || question_id as question,
            scale_id,
            directed_score as score,
            scale_min,
            scale_max,
            weight,
            cast(null as boolean) as is_recommended,
            answered_at as anchor_at
        from {{ ref("fct_survey_answers") }}
        where is_scored and metric in ('nps', 'csat', 'ces', 'driver')
    ),

    reviews as (
        select
            'review' as item_type,
            review_key as record_key,
            subject_key,
            counted_key,
            source,
            channel,
            product_id,
            store_id,
            cast(null as {{ dbt.type_string() }}) as touchpoint,
            language,
            cast(null as {{ dbt.type_string() }}) as survey,
            cast(null as {{ dbt.type_string() }}) as question,
            cast(null as {{ dbt.type_string() }}) as scale_id,
            rating as score,
            cast(1 as {{ type_double() }}) as scale_min,
            rating_max as scale_max,
            cast(null as {{ type_double() }}) as weight,
            is_recommended,
            posted_at as anchor_at
        from {{ ref("fct_reviews") }}
    ),

    items as (
        select *
        from answers
        union all
        select *
        from reviews
    )

select
    -- ids
    items.record_key,
    items.subject_key,
    items.counted_key,
    -- text
    items.item_type,
    items.source,
    items.channel,
    items.product_id as product,
    items.store_id as store,
    person.region,
    items.touchpoint,
    person.segment,
    items.language,
    items.survey,
    items.question,
    -- numbers
    items.score,
    cast(floor(items.score) as integer) as score_point,
    items.scale_min,
    items.scale_max,
    case when items.weight > 0 then items.weight end as weight,
    -- flags, as 0 or 1, so that they add up
    case when items.score >= 9 then 1 else 0 end as promoter,
    case when items.score < 7 then 1 else 0 end as detractor,
    case
        when point.knows_satisfied = 1
        then point.satisfied
        when items.score >= items.scale_min + .75 * (items.scale_max - items.scale_min)
        then 1
        else 0
    end as satisfied,
    case
        when point.knows_easy = 1
        then point.easy
        when items.score >= items.scale_min + .75 * (items.scale_max - items.scale_min)
        then 1
        else 0
    end as easy,
    case when items.scale_max = 7 and items.score >= 5 then 1 else 0 end as easy_5_7,
    case when items.score <= items.scale_min + .25 * (items.scale_max - items.scale_min) then 1 else 0 end as hard,
    case when items.is_recommended then 1 when not items.is_recommended then 0 end as recommended,
    -- times
    items.anchor_at
from items
left join
    scale_points as point on items.scale_id = point.scale_id and items.score = point.score
    {{ join_customer("person", "items.subject_key", "items.anchor_at") }}
