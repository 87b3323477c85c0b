-- One row per load, level, stream or kind, measure and reason: the count of what came in and what became of it. Level
-- periods names, without a count, the months (reason) into which a load's rows fall, or out of which they take or move
-- others: the months whose figures it may have changed.
{% set text = dbt.type_string() %}
with
    fallen as (
        {% for kind, model, key, at in event_kinds() %}
            select load_id, '{{ kind }}' as name, {{ at }} as event_at
            from {{ ref(model) }}
            union all
            -- a version takes the one before it out of its month
            select newer.load_id, '{{ kind }}', older.{{ at }}
            from {{ ref(model) }} as older
            inner join
                {{ ref(model) }} as newer
                on newer.source = older.source
                and newer.{{ key }} = older.{{ key }}
                and newer.version_rank = older.version_rank - 1
            where older.version_rank > 1
            union all
            select gone.load_id, '{{ kind }}', record.{{ at }}
            from {{ ref(model) }} as record
            inner join
                {{ ref("stg_deletions") }} as gone
                on gone.deleted_kind = '{{ kind }}'
                and gone.deleted_key = record.{{ key }}
            where record.is_deleted
            union all
            select gone.load_id, '{{ kind }}', record.{{ at }}
            from {{ ref(model) }} as record
            inner join
                {{ ref("stg_deletions") }} as gone
                on gone.deleted_kind = 'person'
                and gone.subject_key = record.subject_key
            where record.is_deleted
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    months as (
        select load_id, name, substr(cast({{ local_date("cast(event_at as timestamp)") }} as {{ text }}), 1, 7) as month
        from fallen
        where event_at is not null
        group by load_id, name, substr(cast({{ local_date("cast(event_at as timestamp)") }} as {{ text }}), 1, 7)
    ),

    loads as (
        select load_id, max(source) as source, max(loaded_at) as loaded_at
        from {{ source("lake", "_ledger") }}
        group by load_id
    )

-- A load that was gone over again has lines of each time: what was taken up then left the reason it was counted under.
select
    load_id,
    source,
    max(loaded_at) as loaded_at,
    level,
    name,
    measure,
    reason,
    cast(sum(n) as {{ dbt.type_bigint() }}) as n
from {{ source("lake", "_ledger") }}
group by load_id, source, level, name, measure, reason
union all
select
    months.load_id,
    loads.source,
    loads.loaded_at,
    cast('periods' as {{ text }}),
    cast(months.name as {{ text }}),
    cast('touched' as {{ text }}),
    cast(months.month as {{ text }}),
    cast(null as {{ dbt.type_bigint() }})
from months
inner join loads on months.load_id = loads.load_id
