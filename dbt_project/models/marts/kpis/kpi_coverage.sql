-- One row per metric, variant and source, and one without a source for all together: of the records that the metric's
-- items are made of, how many came, are in analysis, were refused for want of a ground, and are withheld since.
-- Counts are of whole kinds: whether a refused answer was one to this metric's question nobody knows. No more records
-- than these can be missing; the metric's own share of them may be smaller or greater.
{% set models = {
    "survey_invitation": "stg_survey_invitations",
    "survey_answer": "stg_survey_answers",
    "case": "stg_cases",
    "call": "stg_calls",
    "review": "stg_reviews",
    "mention": "stg_mentions",
    "order": "stg_orders",
    "customer": "stg_customers",
} %}
{% set text, whole = dbt.type_string(), dbt.type_bigint() %}
{% set counts = ["n_records", "n_in_analysis", "n_refused", "n_withheld"] %}
with
    ledger as (
        select
            source,
            name as kind,
            sum(case when measure = 'emitted' then n when measure = 'duplicate' then - n else 0 end) as n_records,
            sum(
                case when measure = 'rejected' and reason in ({{ refused_without_ground() }}) then n else 0 end
            ) as n_refused,
            sum(case when measure = 'withheld' and reason in ({{ withheld_since() }}) then n else 0 end) as n_taken_away
        from {{ source("lake", "_ledger") }}
        where level = 'rows'
        group by source, name
    ),

    staged as (
        {% for kind, model in models.items() %}
            select
                source,
                '{{ kind }}' as kind,
                count(case when is_current then 1 end) as n_in_analysis,
                count(
                    case when version_rank = 1 and withheld_reason in ({{ withheld_since() }}) then 1 end
                ) as n_withheld
            from {{ ref(model) }}
            group by source
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    counted as (
        select
            ledger.source,
            ledger.kind,
            ledger.n_records,
            coalesce(staged.n_in_analysis, 0) as n_in_analysis,
            ledger.n_refused,
            ledger.n_taken_away + coalesce(staged.n_withheld, 0) as n_withheld
        from ledger
        left join staged on ledger.source = staged.source and ledger.kind = staged.kind
    ),

    pooled as (
        select source, kind, {{ counts | join(", ") }}
        from counted
        union all
        select
            cast(null as {{ text }}) as source,
            kind
            {% for count in counts %}, sum({{ count }}) as {{ count }} {% endfor %}
        from counted
        group by kind
    ),

    told as (
        select
            registry.metric_id,
            registry.variant,
            registry.record_kind,
            pooled.source
            {% for count in counts %}, sum(coalesce(pooled.{{ count }}, 0)) as {{ count }} {% endfor %}
        from {{ ref("dim_metrics") }} as registry
        left join pooled on '; ' || registry.record_kind || ';' like '%; ' || pooled.kind || ';%'
        where registry.is_in_force
        group by registry.metric_id, registry.variant, registry.record_kind, pooled.source
    )

select
    cast(metric_id as {{ text }}) as metric_id,
    cast(variant as {{ text }}) as variant,
    cast(record_kind as {{ text }}) as record_kind,
    cast(source as {{ text }}) as source,
    {% for count in counts %} cast({{ count }} as {{ whole }}) as {{ count }}, {% endfor %}
    cast(
        100 * {{ ratio("n_in_analysis", "(n_in_analysis + n_refused + n_withheld)") }} as {{ type_double() }}
    ) as coverage
from told
