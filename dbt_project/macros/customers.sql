{# Joins, as `alias`, what is known of a person at an instant (null: today): by the source named, else by any.
   Keep out: which record leads (int_leading_customers). #}
{% macro join_customer(alias, subject, at, source=none) -%}
    left join
        {{ ref("int_leading_customers") }} as {{ alias }}
        on {{ alias }}.subject_key = {{ subject }}
        and {% if source %} {{ alias }}.source = {{ source }}
        {% else %} {{ alias }}.source is null
        {% endif %}
        and coalesce({{ at }}, timestamp '9998-01-01') >= {{ alias }}.valid_from
        and coalesce({{ at }}, timestamp '9998-01-01') < {{ alias }}.valid_to
{%- endmacro %}
