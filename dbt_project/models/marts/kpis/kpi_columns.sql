-- One row per column of every published table: what it is called. Read from the column descriptions, written as 'zh |
-- en':
-- of public models, and of what publication itself writes beside them (source `served`).
{% set published = [] %}
{% if execute %}
    {% do published.extend(
        graph.nodes.values()
        | selectattr("resource_type", "equalto", "model")
        | selectattr("access", "equalto", "public")
    ) %}
    {% do published.extend(graph.sources.values() | selectattr("source_name", "equalto", "served")) %}
{% endif %}
{% set text = dbt.type_string() %}
select
    cast(mart as {{ text }}) as mart,
    cast(column_position as {{ dbt.type_bigint() }}) as column_position,
    cast(column_name as {{ text }}) as column_name,
    cast(label_zh as {{ text }}) as label_zh,
    cast(label_en as {{ text }}) as label_en
from
    (
        -- one list, not a thousand selects: engines plan each of those
        values
            (null, null, null, null, null)
            {% for node in published | sort(attribute="name") %}
                {% for column in node.columns.values() %}
                    {% set labels = (column.description | replace("\x27", "\x27\x27")).split("|") %},
                    (
                        '{{ node.name }}',
                        {{ loop.index }},
                        '{{ column.name }}',
                        '{{ labels[0] | trim }}',
                        '{{ labels[1] | trim }}'
                    )
                {% endfor %}
            {% endfor %}
    ) as described(mart, column_position, column_name, label_zh, label_en)
where mart is not null
