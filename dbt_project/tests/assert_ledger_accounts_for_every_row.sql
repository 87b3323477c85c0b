-- Over all loads and per kind: promoted = current + superseded + deleted + withheld, where the rows that erasure,
-- withdrawal or retention took out of the files are withheld by the ledger's word. A row that is none of these, or
-- that the ledger does not know, is an error.
{% set models = {
    "customer": "stg_customers",
    "consent": "stg_consents",
    "product": "stg_products",
    "store": "stg_stores",
    "question": "stg_questions",
    "survey_invitation": "stg_survey_invitations",
    "survey_answer": "stg_survey_answers",
    "case": "stg_cases",
    "case_event": "stg_case_events",
    "call": "stg_calls",
    "review": "stg_reviews",
    "mention": "stg_mentions",
    "note": "stg_notes",
    "order": "stg_orders",
    "usage": "stg_usage",
    "agent": "stg_agents",
    "training": "stg_trainings",
    "action": "stg_actions",
    "cost": "stg_costs",
    "sla_policy": "stg_sla_policies",
    "calendar": "stg_calendars",
    "scale": "stg_scales",
    "target": "stg_targets",
    "deletion": "stg_deletions",
} %}
with
    staged as (
        {% for kind, model in models.items() %}
            {% if not loop.first %}
                union all
            {% endif %}
            select
                '{{ kind }}' as kind,
                source,
                count(case when is_current then 1 end) as n_current,
                count(
                    case when not is_current and not is_deleted and withheld_reason is null then 1 end
                ) as n_superseded,
                count(case when is_deleted and withheld_reason is null then 1 end) as n_deleted,
                count(case when withheld_reason is not null then 1 end) as n_withheld
            from {{ ref(model) }}
            group by source
        {% endfor %}
    ),
    promoted as (
        select
            name as kind,
            source,
            sum(case when measure = 'promoted' then n else 0 end) as n_promoted,
            sum(case when measure = 'withheld' then n else 0 end) as n_taken_away
        from {{ source("lake", "_ledger") }}
        where level = 'rows' and measure in ('promoted', 'withheld')
        group by name, source
    )
select
    coalesce(staged.kind, promoted.kind) as kind,
    coalesce(staged.source, promoted.source) as source,
    promoted.n_promoted,
    staged.n_current,
    staged.n_superseded,
    staged.n_deleted,
    staged.n_withheld,
    promoted.n_taken_away
from staged
full outer join promoted on staged.kind = promoted.kind and staged.source = promoted.source
where
    coalesce(promoted.n_promoted, 0)
    <> coalesce(staged.n_current + staged.n_superseded + staged.n_deleted + staged.n_withheld, 0)
    + coalesce(promoted.n_taken_away, 0)
