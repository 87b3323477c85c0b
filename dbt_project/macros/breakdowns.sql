{# By what each family of metrics is cut: the lists that seeds/metrics.csv declares.
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

{% macro backlog_breakdowns() %}
    {{ return(["", "source", "channel", "store", "team", "case_type", "category", "priority"]) }}
{% endmacro %}

{% macro sla_breakdowns() %}
    {{ return(case_breakdowns() + ["sla_policy", "sla_metric", "sla_policy,sla_metric"]) }}
{% endmacro %}

{# The columns of int_case_milestones that those of cases need. #}
{% macro case_dimensions(alias) -%}
    {% for column in ["source", "channel", "store", "region", "team", "case_type", "category", "priority"] -%}
        {{ alias }}.{{ column }} {%- if not loop.last %}, {% endif %}
    {%- endfor %}
{%- endmacro %}

{% macro survey_breakdowns() %}
    {{
        return(
            [
                "",
                "source",
                "channel",
                "store",
                "region",
                "touchpoint",
                "segment",
                "language",
                "survey",
                "channel,touchpoint",
            ]
        )
    }}
{% endmacro %}

{% macro invitation_breakdowns() %}
    {{ return(survey_breakdowns() | reject("equalto", "language") | list) }}
{% endmacro %}

{% macro rating_breakdowns() %}
    {{
        return(
            [
                "",
                "source",
                "channel",
                "product",
                "store",
                "region",
                "touchpoint",
                "segment",
                "language",
                "survey",
            ]
        )
    }}
{% endmacro %}

{% macro review_breakdowns() %} {{ return(["", "source", "channel", "product", "store", "language"]) }} {% endmacro %}

{% macro mention_breakdowns() %} {{ return(["", "source", "channel", "product", "language"]) }} {% endmacro %}

{% macro call_breakdowns() %} {{ return(["", "source", "team", "store", "language", "source,team"]) }} {% endmacro %}
