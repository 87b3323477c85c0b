{#
    scd2(model, key, columns)
        Versions of a staged kind with the stretch of time in which each held: columns, valid_from, valid_to (exclusive,
        null while it holds), is_current. A version replaced at the same instant never held and is left out; a deletion
        ends the last one. Half-open: at >= valid_from and at < valid_to. The first version holds from valid_from on.
#}
{% macro scd2(model, key, columns) -%}
    select {{ columns | join(", ") }}, valid_from, valid_to, valid_to is null as is_current
    from
        (
            select
                {{ columns | join(", ") }},
                coalesce(updated_at, loaded_at) as valid_from,
                coalesce(
                    lead(coalesce(updated_at, loaded_at)) over (partition by {{ key }} order by version_rank desc),
                    case when is_deleted then known_at end
                ) as valid_to
            from {{ ref(model) }}
            cross join (select {{ known_at() }} as known_at) as clock
            where withheld_reason is null
        ) as versions
    where valid_to is null or valid_to > valid_from
{%- endmacro %}
