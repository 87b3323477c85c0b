{# By what metrics of surveys and reviews are cut: the lists that seeds/metrics.csv declares.
   Keep out: the cutting (metric_cells.sql), and the lists of cases (case_breakdowns.sql). #}
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

{# The counts of scale points that marts of scores show beside the figure: [name, type]. #}
{% macro score_point_parts() %}
    {% set parts = [] %}
    {% for point in range(11) %} {% do parts.append(["n_score_" ~ point, dbt.type_bigint()]) %} {% endfor %}
    {{ return(parts) }}
{% endmacro %}
