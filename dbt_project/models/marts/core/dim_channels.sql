-- One row per channel feedback comes by: the shipped ones, and those that sources name beyond them.
with
    used as (
        {% for model in [
            "stg_survey_invitations",
            "stg_survey_answers",
            "stg_cases",
            "stg_reviews",
            "stg_mentions",
            "stg_notes",
            "stg_orders",
        ] %}
            select distinct channel
            from {{ ref(model) }}
            where is_current and channel is not null
            {% if not loop.last %}
                union
            {% endif %}
        {% endfor %}
    )

select
    coalesce(known.channel, used.channel) as channel,
    coalesce(known.name_zh, used.channel) as name_zh,
    coalesce(known.name_en, used.channel) as name_en,
    known.delivery_mode,
    known.channel is not null as is_declared
from {{ ref("channels") }} as known
full outer join used on known.channel = used.channel
