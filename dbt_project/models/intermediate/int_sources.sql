-- One row per source: until when it was observed (declared, else for an API the start of the last extraction that was
-- complete, else the greatest time that any of its records tells; never after known_at, and a time told from beyond it
-- says nothing).
with
    known as (select {{ known_at() }} as known_at),

    events as (
        {% for kind, model, key, at in event_kinds() %}
            select
                source,
                min(cast({{ at }} as timestamp)) as first_event_at,
                greatest(
                    {% for time in [at] + later_times(kind) %}
                        max(case when {{ time }} <= known.known_at then cast({{ time }} as timestamp) end)
                        {% if not loop.last %}, {% endif %}
                    {% endfor %}
                ) as last_told_at
            from {{ ref(model) }}
            cross join known
            where is_current
            group by source
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    told as (
        select source, min(first_event_at) as first_event_at, max(last_told_at) as last_told_at
        from events
        group by source
    )

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
        when source.observed_until > known.known_at
        then known.known_at
        else coalesce(source.observed_until, source.extracted_at, told.last_told_at)
    end as observed_until,
    told.first_event_at,
    source.loaded_at as last_loaded_at
from {{ source("lake", "_sources") }} as source
cross join known
left join told on source.source = told.source
