-- One row per source: until when it was observed (declared, else its greatest event
-- time; never after known_at).
with
    events as (
        {% for model, at in [
            ("stg_survey_invitations", "sent_at"),
            ("stg_survey_answers", "answered_at"),
            ("stg_cases", "opened_at"),
            ("stg_case_events", "occurred_at"),
            ("stg_calls", "offered_at"),
            ("stg_reviews", "posted_at"),
            ("stg_mentions", "posted_at"),
            ("stg_notes", "noted_at"),
            ("stg_orders", "ordered_at"),
            ("stg_usage", "cast(used_on as timestamp)"),
        ] %}
            select source, min({{ at }}) as first_event_at, max({{ at }}) as last_event_at
            from {{ ref(model) }}
            where is_current
            group by source
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    last_events as (
        select source, min(first_event_at) as first_event_at, max(last_event_at) as last_event_at
        from events
        group by source
    ),

    known as (select {{ known_at() }} as known_at)

select
    -- ids
    source.source,
    -- text
    source.name_zh,
    source.name_en,
    coalesce(source.timezone, 'UTC') as timezone,
    -- flags
    coalesce(source.is_public_set, false) as is_public_set,
    source.observed_until is not null as is_observed_until_declared,
    -- times
    case
        when coalesce(source.observed_until, last_events.last_event_at) > known.known_at
        then known.known_at
        else coalesce(source.observed_until, last_events.last_event_at)
    end as observed_until,
    last_events.first_event_at,
    source.loaded_at as last_loaded_at
from {{ source("lake", "_sources") }} as source
cross join known
left join last_events on source.source = last_events.source
