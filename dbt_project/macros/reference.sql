{# What is in force of kinds that vendors deliver and the company may declare in reference files.
   Keep out: which of several vendors is believed. #}
{# Current rows of a staging model; where reference files have any with a key, none but theirs. #}
{% macro in_force(model, key) -%}
    select *
    from
        (
            select
                record.*,
                max(case when source = 'reference' then 1 else 0 end) over (
                    partition by {{ key | join(", ") }}
                ) as is_declared
            from {{ ref(model) }} as record
            where is_current
        ) as declared
    where is_declared = 0 or source = 'reference'
{%- endmacro %}
