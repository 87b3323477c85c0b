{#
    scd2(model, key, columns)
        Versions of a staged kind with the stretch of time in which each held: columns, valid_from, valid_to (exclusive,
        null while it holds), is_current. A version replaced at the same instant never held and is left out. One that was
        deleted ends when it was deleted; if that is still to come, when that became known. Half-open: at >= valid_from
        and at < valid_to. The first version holds from valid_from on. A version without a time holds since it was
        loaded, or ever since (1900) if it was deleted before that.
#}
{% macro scd2(model, key, columns) -%}
    {% set valid_from -%}
    coalesce(updated_at, case when deleted_at <= loaded_at then timestamp '1900-01-01' end, loaded_at)
    {%- endset %}
    select {{ columns | join(", ") }}, valid_from, valid_to, valid_to is null as is_current
    from
        (
            select {{ columns | join(", ") }}, valid_from, {{ earlier_of("replaced_at", "gone_at") }} as valid_to
            from
                (
                    select
                        {{ columns | join(", ") }},
                        {{ valid_from }} as valid_from,
                        lead({{ valid_from }}) over (partition by {{ key }} order by version_rank desc) as replaced_at,
                        case when deleted_at > known_at then known_at else deleted_at end as gone_at
                    from {{ ref(model) }}
                    cross join (select {{ known_at() }} as known_at) as clock
                    where withheld_reason is null
                ) as ends
        ) as versions
    where valid_to is null or valid_to > valid_from
{%- endmacro %}
