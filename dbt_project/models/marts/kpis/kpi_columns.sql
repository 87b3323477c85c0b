-- One row per column of every KPI mart: what it is called. Read from the column descriptions, written as 'zh | en'.
{% set marts = [] %}
{% if execute %}
    {% for node in graph.nodes.values() | selectattr("resource_type", "equalto", "model") | sort(attribute="name") %}
        {% if node.fqn[1:3] == ["marts", "kpis"] %} {% do marts.append(node) %} {% endif %}
    {% endfor %}
{% endif %}
{% set text = dbt.type_string() %}
select mart, column_position, column_name, label_zh, label_en
from
    (
        select
            cast(null as {{ text }}) as mart,
            cast(null as {{ dbt.type_bigint() }}) as column_position,
            cast(null as {{ text }}) as column_name,
            cast(null as {{ text }}) as label_zh,
            cast(null as {{ text }}) as label_en
        {% for node in marts %}
            {% for column in node.columns.values() %}
                    {% set labels = column.description.split("|") %}
                union all
                select
                    '{{ node.name }}',
                    {{ loop.index }},
                    '{{ column.name }}',
                    {{ dbt.string_literal(dbt.escape_single_quotes(labels[0] | trim)) }},
                    {{ dbt.string_literal(dbt.escape_single_quotes(labels[1] | trim)) }}
            {% endfor %}
        {% endfor %}
    ) as described
where mart is not null
