-- One row per step of the customer journey: the shipped ones, and those that sources name beyond them.
with
    used as (
        {% for model in ["stg_survey_invitations", "stg_survey_answers", "stg_cases"] %}
            select distinct touchpoint
            from {{ ref(model) }}
            where is_current and touchpoint is not null
            {% if not loop.last %}
                union
            {% endif %}
        {% endfor %}
    )

select
    coalesce(known.touchpoint, used.touchpoint) as touchpoint,
    coalesce(known.name_zh, used.touchpoint) as name_zh,
    coalesce(known.name_en, used.touchpoint) as name_en,
    known.position,
    known.touchpoint is not null as is_declared
from {{ ref("touchpoints") }} as known
full outer join used on known.touchpoint = used.touchpoint
