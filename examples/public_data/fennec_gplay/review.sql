-- One row per review. Missing values are the word null. Every time stands twice, in milliseconds and as ISO text:
-- where the two disagree by a second or more the pair passes as it is, to be rejected as unparsable. A reply older
-- than the last edit is kept: what to make of it is for the model (124 reviews).
with
    reviews_clean as (
        select
            _record,
            id,
            nullif("Package Name", 'null') as package,
            nullif("App Version Name", 'null') as app_version,
            nullif("Reviewer Language", 'null') as language,
            nullif("Star Rating", 'null') as rating,
            nullif("Review Title", 'null') as title,
            nullif("Review Text", 'null') as text,
            nullif("Developer Reply Text", 'null') as reply_text,
            nullif("Review Submit Millis Since Epoch", 'null') as posted_ms,
            nullif("Review Submit Date and Time", 'null') as posted_iso,
            nullif("Review Last Update Millis Since Epoch", 'null') as edited_ms,
            nullif("Review Last Update Date and Time", 'null') as edited_iso,
            nullif("Developer Reply Millis Since Epoch", 'null') as replied_ms,
            nullif("Developer Reply Date and Time", 'null') as replied_iso
        from reviews
    ),
    times as (
        select
            *,
            case
                when abs(epoch_ms(try_cast(posted_iso as timestamptz)) - try_cast(posted_ms as bigint)) < 1000
                then parse_epoch_ms(posted_ms)
                else posted_ms || ' ' || posted_iso
            end as posted_at,
            case
                when abs(epoch_ms(try_cast(edited_iso as timestamptz)) - try_cast(edited_ms as bigint)) < 1000
                then parse_epoch_ms(edited_ms)
                else edited_ms || ' ' || edited_iso
            end as edited_at,
            case
                when abs(epoch_ms(try_cast(replied_iso as timestamptz)) - try_cast(replied_ms as bigint)) < 1000
                then parse_epoch_ms(replied_ms)
                else replied_ms || ' ' || replied_iso
            end as replied_at
        from reviews_clean
    )
select
    _record,
    id as review_id,
    posted_at,
    nullif(edited_at, posted_at) as edited_at,
    rating,
    5 as rating_max,
    replied_at,
    title,
    text,
    reply_text,
    'google_play' as channel,
    split_part(replace(language, '_', '-'), '-', 1) as language,
    package as product_id,
    app_version,
    edited_at as updated_at
from times
