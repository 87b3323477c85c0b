-- One row per received item that calls for handling: when it came, and when it was handled.
-- Cases (not merged, not spam, not praise), responses that ask to be contacted (one item, however many answers), and,
-- where a source replies at all, mentions and reviews of at most the middle of their scale. Handled = first of:
-- resolved; a reply to a review or mention; closed with a reason; an action that follows up any answer of the response.
-- What was handled before it came is a finding, and no item.
with
    cases as (
        select *, not is_merged and not is_spam and not is_end_unknown as is_in_cohort
        from {{ ref("int_case_milestones") }}
    ),
    followed_up as ({{ unnest_strings(ref("stg_actions"), "feedback_keys") }}),
    follow_ups as (
        select element as record_key, min(coalesce(notified_at, shipped_at)) as followed_up_at
        from followed_up
        where is_current and action_type = 'follow_up'
        group by element
    ),
    received as (
        select
            case_key as record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("cases") }},
            opened_at as received_at,
            case
                when first_resolved_at is not null then first_resolved_at when close_reason is not null then closed_at
            end as handled_at
        from cases
        where is_in_cohort and calls_for_handling and (is_resolution_told or closed_at is not null)
        union all
        select
            answers.response_key,
            max(answers.subject_key),
            coalesce(max(answers.counted_key), answers.response_key),
            answers.source,
            max(answers.channel),
            max(answers.store_id),
            null,
            null,
            null,
            null,
            null,
            min(answers.answered_at),
            min(follow_ups.followed_up_at)
        from {{ ref("stg_survey_answers") }} as answers
        left join follow_ups on follow_ups.record_key = answers.answer_key
        where answers.is_current and answers.wants_contact
        group by answers.source, answers.response_key
        union all
        select
            reviews.review_key,
            reviews.subject_key,
            reviews.counted_key,
            reviews.source,
            reviews.channel,
            reviews.store_id,
            null,
            null,
            null,
            null,
            null,
            reviews.posted_at,
            reviews.replied_at
        from {{ ref("stg_reviews") }} as reviews
        inner join
            (
                select source from {{ ref("stg_reviews") }} where is_current and replied_at is not null group by source
            ) as replying
            on replying.source = reviews.source
        where
            reviews.is_current
            and reviews.posted_at is not null
            and (reviews.rating is null or reviews.rating_max is null or 2 * reviews.rating <= reviews.rating_max + 1)
        union all
        select
            mentions.mention_key,
            mentions.subject_key,
            mentions.counted_key,
            mentions.source,
            mentions.channel,
            null,
            null,
            null,
            null,
            null,
            null,
            mentions.posted_at,
            mentions.replied_at
        from {{ ref("stg_mentions") }} as mentions
        inner join
            (
                select source from {{ ref("stg_mentions") }} where is_current and replied_at is not null group by source
            ) as replying
            on replying.source = mentions.source
        where mentions.is_current
    )
select
    received.*,
    {{ minutes_between("received.received_at", "received.handled_at") }} as minutes_to_handling,
    {{ minutes_between("received.received_at", "sources.observed_until") }} as minutes_observed
from received
inner join {{ ref("int_sources") }} as sources on sources.source = received.source
where received.handled_at is null or received.handled_at >= received.received_at
