-- One row per column of every published table: what it is called. Read from the contracts and descriptions ('zh | en')
-- of public models, and of what publication itself writes beside them (source `served`). A key is what a test of the
-- model says to be unique, of what publication writes what its `meta` says; in marts of cells, what names a cell.
{% set published, keys = [], {} %}
{% if execute %}
    {% do published.extend(
        graph.nodes.values()
        | selectattr("resource_type", "equalto", "model")
        | selectattr("access", "equalto", "public")
    ) %}
    {% do published.extend(graph.sources.values() | selectattr("source_name", "equalto", "served")) %}
    {% for test in graph.nodes.values() | selectattr("resource_type", "equalto", "test") if test.test_metadata %}
        {% if test.test_metadata.name == "unique_combination" %}
            {% do keys.update({test.attached_node: test.test_metadata.kwargs.columns}) %}
        {% endif %}
    {% endfor %}
{% endif %}
{% set text = dbt.type_string() %}
select
    cast(mart as {{ text }}) as mart,
    cast(column_position as {{ dbt.type_bigint() }}) as column_position,
    cast(column_name as {{ text }}) as column_name,
    cast(data_type as {{ text }}) as data_type,
    cast(is_key_column as boolean) as is_key_column,
    cast(label_zh as {{ text }}) as label_zh,
    cast(label_en as {{ text }}) as label_en
from
    (
        -- one list, not a thousand selects: engines plan each of those
        values
            (null, null, null, null, false, null, null)
            {% for node in published | sort(attribute="name") %}
                {% set is_cells = "suppressed_reason" in node.columns %}
                {% set key = (
                    cell_columns() if is_cells else keys.get(node.unique_id, node.config.meta.get("key", []))
                ) %}
                {% for column in node.columns.values() %}
                    {% set labels = (column.description | replace("\x27", "\x27\x27")).split("|") %},
                    (
                        '{{ node.name }}',
                        {{ loop.index }},
                        '{{ column.name }}',
                        '{{ column.data_type }}',
                        {{ column.name in key }},
                        '{{ labels[0] | trim }}',
                        '{{ labels[1] | trim }}'
                    )
                {% endfor %}
            {% endfor %}
    ) as described(mart, column_position, column_name, data_type, is_key_column, label_zh, label_en)
where mart is not null
