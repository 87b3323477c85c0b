-- One row per category of a case or note: the shipped ones, and those that sources name beyond them.
with
    used as (
        {% for model in ["stg_cases", "stg_notes"] %}
            select distinct category
            from {{ ref(model) }}
            where is_current and category is not null
            {% if not loop.last %}
                union
            {% endif %}
        {% endfor %}
    )

select
    coalesce(known.category, used.category) as category,
    coalesce(known.name_zh, used.category) as name_zh,
    coalesce(known.name_en, used.category) as name_en,
    known.category is not null as is_declared
from {{ ref("categories") }} as known
full outer join used on known.category = used.category
