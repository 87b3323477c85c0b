-- One row per source: until when it was observed (declared, else its greatest event time; never after known_at).
with
    events as (
        {% for kind, model, key, at in event_kinds() %}
            select
                source,
                min(cast({{ at }} as timestamp)) as first_event_at,
                max(cast({{ at }} as timestamp)) as last_event_at
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
