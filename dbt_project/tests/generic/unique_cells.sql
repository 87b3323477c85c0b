{# One row per metric, variant, period and breakdown cell: nothing stands twice. #}
{% test unique_cells(model) %}
    select {{ key_of(cell_columns(), "cell") }} as cell, count(*) as n
    from {{ model }} as cell
    group by {{ key_of(cell_columns(), "cell") }}
    having count(*) > 1
{% endtest %}
