{#
    The published row and what the wide marts take from it.

    kpi_value_columns()      the columns of kpi_values, in the order of the row contract
    cell_columns()           the columns that name one row of a metric family
    series_columns()         the same without the period: the rows that follow one another in time
    key_of(columns, relation)  their values as one text, to join and sort by where nulls are equal
    score_point_parts()      [name, type] of the counts of scale points that marts of scores show beside the figure
    wide_mart(metrics, parts={}, where=none)
        A wide mart: the rows of kpi_values of these metrics, with the columns that family models know of each cell:
        parts={family model: [[column, type], ...]}.
    counted(names)             such columns that are whole counts
#}
{% macro cell_columns() %}
    {{
        return(
            ["metric_id", "variant", "period_grain", "period_start", "breakdown"]
            + metric_dimensions()
            + ["cohort_age_months", "currency"]
        )
    }}
{% endmacro %}

{% macro series_columns() %}
    {{
        return(
            ["metric_id", "variant", "period_grain", "breakdown"]
            + metric_dimensions()
            + ["cohort_age_months", "currency"]
        )
    }}
{% endmacro %}

{% macro key_of(columns, relation) -%}
    concat_ws(
        '|'
        {% for column in columns %}
            , coalesce(cast({{ relation }}.{{ column }} as {{ dbt.type_string() }}), '')
        {% endfor %}
    )
{%- endmacro %}

{% macro kpi_value_columns() %}
    {{
        return(
            [
                "metric_id",
                "variant",
                "metric_version",
                "is_headline",
                "period_grain",
                "period_start",
                "period_end",
                "period_tz",
                "is_complete_period",
                "data_through",
                "known_at",
                "breakdown",
            ]
            + metric_dimensions()
            + [
                "cohort_age_months",
                "currency",
                "n_eligible",
                "n_answered",
                "n_excluded_consent",
                "n_subjects",
                "subject_basis",
                "numerator",
                "denominator",
                "value",
                "ci_low",
                "ci_high",
                "ci_method",
                "value_standardised",
                "previous_value",
                "difference",
                "difference_ci_low",
                "difference_ci_high",
                "is_significant",
                "n_censored",
                "target_value",
                "target_status",
                "suppressed_reason",
                "load_id",
            ]
        )
    }}
{% endmacro %}

{% macro score_point_parts() %}
    {% set parts = [] %}
    {% for point in range(11) %} {% do parts.append(["n_score_" ~ point, dbt.type_bigint()]) %} {% endfor %}
    {{ return(parts) }}
{% endmacro %}

{% macro wide_mart(metrics, parts={}, where=none) -%}
    {% set added = [] %}
    {% for columns in parts.values() %} {% do added.extend(columns) %} {% endfor %}
    select
        {% for column in kpi_value_columns() %}
            v.{{ column }} {%- if not loop.last or added %}, {% endif %}
        {% endfor %}
        {% for part, type in added %}
            cast(p.{{ part }} as {{ type }}) as {{ part }} {%- if not loop.last %}, {% endif %}
        {% endfor %}
    from {{ ref("kpi_values") }} as v
    {% if parts %}
        left join
            (
                {% for family, columns in parts.items() %}
                    select
                        {{ cell_columns() | join(", ") }}
                        {% for part, type in added %}
                            ,
                            {% if [part, type] in columns %} {{ part }}
                            {% else %} cast(null as {{ type }}) as {{ part }}
                            {% endif %}
                        {% endfor %}
                    from {{ ref(family) }}
                    where metric_id in ('{{ metrics | join("', '") }}')
                    {% if not loop.last %}
                        union all
                    {% endif %}
                {% endfor %}
            ) as p
            on {{ key_of(cell_columns(), "v") }} = {{ key_of(cell_columns(), "p") }}
    {% endif %}
    where v.metric_id in ('{{ metrics | join("', '") }}') {% if where %} and {{ where }} {% endif %}
{%- endmacro %}

{# Parts of a wide mart that are counts: [name, type] each. #}
{% macro counted(names) %}
    {% set parts = [] %}
    {% for name in names %} {% do parts.append([name, dbt.type_bigint()]) %} {% endfor %}
    {{ return(parts) }}
{% endmacro %}
