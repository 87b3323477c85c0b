{# By what metrics over cases, and over all received items, are cut: the lists that seeds/metrics.csv declares.
   Keep out: the cutting (metric_cells.sql). #}
{% macro case_breakdowns() %}
    {{
        return(
            [
                "",
                "source",
                "channel",
                "store",
                "region",
                "team",
                "case_type",
                "category",
                "priority",
                "source,priority",
                "source,category",
                "channel,case_type",
            ]
        )
    }}
{% endmacro %}

{% macro processing_breakdowns() %}
    {{ return(case_breakdowns() | reject("in", ["source,priority", "source,category"]) | list) }}
{% endmacro %}

{# The columns of int_case_milestones that those breakdowns need. #}
{% macro case_dimensions(alias) -%}
    {% for column in ["source", "channel", "store", "region", "team", "case_type", "category", "priority"] -%}
        {{ alias }}.{{ column }} {%- if not loop.last %}, {% endif %}
    {%- endfor %}
{%- endmacro %}
