{#
    From items to metric rows.

    metric_dimensions()  the dimension columns, in the order of the row contract
    metric_columns()     [name, type] of every column of an int_metrics_* model, in order

    metric_cells(relation, breakdowns, aggregates, keys=['metric_id', 'variant'], anchor='anchor_at', grains=none,
                 coarse=['month', 'quarter', 'year', 'all'])
        A select with one row per keys, period and breakdown cell. `relation` (a CTE or model) has one row per item with
            keys                          columns that tell metrics apart; carried through
            anchor                        naive UTC instant that puts the item into periods (null: grain all only);
                                          anchor=none: the relation has period_grain, period_start, period_end already
            record_key, subject_key       the item, and its person (null where there is none)
            the dimension columns named in `breakdowns`
        `breakdowns` e.g. ['', 'source', 'source,priority']: names in the order of metric_dimensions(), at most two.
        `aggregates` e.g. {'n': 'count(*)', 'n_met': 'sum(case when is_met then 1 else 0 end)'}.
        Gives: keys, period_grain, period_start, period_end, breakdown, all dimension columns (null where not part of
        the breakdown; a missing member reads 'unknown', so the cells of a breakdown add up to the whole), n_subjects,
        subject_basis, then the aggregates. Days and weeks are cut for the whole and by source only; every other
        breakdown comes in the grains of `coarse`.

    metric_row(expressions, parts={})
        The select list of an int_metrics_* model over such cells: every column of metric_columns(), cast. A column in
        `expressions` takes that expression; keys, periods, breakdown, dimensions, n_subjects and subject_basis pass
        through; the rest is null. `parts` are further columns, appended as they are.

    numbered_persons(relation)
        Its rows with is_person and person_number, the number of who it is about: persons are counted in every cell that
        they are in, and their keys are long.

    share_row(numerator, denominator, metric_id=none, variant=none, eligible=none, parts={})
        metric_row() of a share in percent with its Wilson interval. n_eligible is `eligible`, else the denominator.

    Example
        with
            items as (select 'nps' as metric_id, 'per_response' as variant, answered_at as anchor_at, answer_key as
                      record_key, subject_key, source, channel, score from ...),
            cells as ({{ metric_cells('items', ['', 'source'], {'n': 'count(*)', 'total': 'sum(score)'}) }})
        select {{ metric_row({'n_answered': 'n', 'numerator': 'total', 'denominator': 'n', 'value': 'total / n'}) }}
        from cells
#}
{% macro metric_dimensions() %}
    {{
        return(
            [
                "source",
                "channel",
                "product",
                "store",
                "region",
                "touchpoint",
                "team",
                "segment",
                "language",
                "case_type",
                "category",
                "priority",
                "contract",
                "survey",
                "question",
                "sla_policy",
                "sla_metric",
            ]
        )
    }}
{% endmacro %}

{% macro metric_columns() %}
    {% set text, whole, real = dbt.type_string(), dbt.type_bigint(), type_double() %}
    {% set columns = [
        ["metric_id", text],
        ["variant", text],
        ["period_grain", text],
        ["period_start", "date"],
        ["period_end", "date"],
        ["breakdown", text],
    ] %}
    {% for dimension in metric_dimensions() %} {% do columns.append([dimension, text]) %} {% endfor %}
    {% do columns.extend(
        [
            ["cohort_age_months", whole],
            ["currency", text],
            ["n_eligible", whole],
            ["n_answered", whole],
            ["n_excluded_consent", whole],
            ["n_subjects", whole],
            ["subject_basis", text],
            ["numerator", real],
            ["denominator", real],
            ["value", real],
            ["standard_error", real],
            ["ci_low", real],
            ["ci_high", real],
            ["ci_method", text],
            ["n_censored", whole],
        ]
    ) %}
    {{ return(columns) }}
{% endmacro %}

{% macro metric_cells(
    relation,
    breakdowns,
    aggregates,
    keys=["metric_id", "variant"],
    anchor="anchor_at",
    grains=none,
    coarse=["month", "quarter", "year", "all"]
) -%}
    {% set members = metric_dimensions() | select("in", (breakdowns | join(",")).split(",")) | list %}
    {% set cell = keys + ["period_grain", "period_start", "period_end"] %}
    {# days and weeks are cut for the whole and by source only #}
    {% set passes = [
        [breakdowns | select("in", ["", "source"]) | list, none],
        [breakdowns | reject("in", ["", "source"]) | list, coarse],
    ] %}
    with
        numbered_items as ({{ numbered_persons(relation) }}),
        cell_items as (
            select
                periodic.*
                {% for member in members %}
                    , coalesce(cast(periodic.{{ member }} as {{ dbt.type_string() }}), 'unknown') as cell_{{ member }}
                {% endfor %}
            from
                (
                    {% if anchor %}{{ periods("numbered_items", anchor, grains) }}
                    {% else %}select * from numbered_items
                    {% endif %}
                ) as periodic
        )
    {% for cut, only_grains in passes if cut %}
        {% if not loop.first and passes[0][0] %}
            union all
        {% endif %}
        select
            {{ cell | join(", ") }},
            case
                when false
                then ''
                {# two dimensions first: such a cell is also one of each of them #}
                {% for n_members in [2, 1] %}
                    {% for breakdown in cut if breakdown and breakdown.split(",") | length == n_members %}
                        when
                            {% for member in breakdown.split(",") %}
                                grouping(cell_{{ member }}) = 0 {% if not loop.last %} and {% endif %}
                            {% endfor %}
                        then '{{ breakdown }}'
                    {% endfor %}
                {% endfor %}
                else ''
            end as breakdown,
            {% for dimension in metric_dimensions() %}
                {% if dimension in (cut | join(",")).split(",") %} cell_{{ dimension }}
                {% else %} cast(null as {{ dbt.type_string() }})
                {% endif %} as {{ dimension }},
            {% endfor %}
            count(distinct person_number) as n_subjects,
            case when count(case when is_person then 1 end) = count(*) then 'person' else 'record' end as subject_basis
            {% for name, expression in aggregates.items() %}, {{ expression }} as {{ name }} {% endfor %}
        from cell_items
        {% if only_grains %} where period_grain in ('{{ only_grains | join("', '") }}') {% endif %}
        group by
            grouping sets (
                {% for breakdown in cut %}
                    (
                        {{ cell | join(", ") }}
                        {%- for member in breakdown.split(",") if member %}, cell_{{ member }} {%- endfor %}
                    )
                    {%- if not loop.last %}, {% endif %}
                {% endfor %}
            )
    {% endfor %}
{%- endmacro %}

{% macro numbered_persons(relation) -%}
    select item.*, item.subject_key is not null as is_person, persons.person_number
    from {{ relation }} as item
    left join
        (
            select person, row_number() over (order by person) as person_number
            from (select distinct coalesce(subject_key, counted_key, record_key) as person from {{ relation }}) as told
        ) as persons
        on coalesce(item.subject_key, item.counted_key, item.record_key) = persons.person
{%- endmacro %}

{% macro metric_row(expressions, parts={}) -%}
    {% set through = [
        "metric_id",
        "variant",
        "period_grain",
        "period_start",
        "period_end",
        "breakdown",
        "n_subjects",
        "subject_basis",
    ] + metric_dimensions() %}
    {% for name, type in metric_columns() %}
        {% if name in expressions %} cast({{ expressions[name] }} as {{ type }})
        {% elif name in through %} cast({{ name }} as {{ type }})
        {% else %} cast(null as {{ type }})
        {% endif %} as {{ name }}
        {%- if not loop.last or parts %}, {% endif %}
    {% endfor %}
    {% for name, expression in parts.items() %}
        {{ expression }} as {{ name }} {%- if not loop.last %}, {% endif %}
    {% endfor %}
{%- endmacro %}

{% macro share_row(numerator, denominator, metric_id=none, variant=none, eligible=none, parts={}) -%}
    {% set expressions = {
        "n_eligible": eligible or denominator,
        "n_answered": denominator,
        "numerator": numerator,
        "denominator": denominator,
        "value": "100 * " ~ ratio(numerator, denominator),
        "standard_error": "100 * " ~ proportion_se(numerator, denominator),
        "ci_low": "100 * " ~ wilson_low(numerator, denominator),
        "ci_high": "100 * " ~ wilson_high(numerator, denominator),
        "ci_method": "'wilson'",
    } %}
    {% if metric_id %} {% do expressions.update({"metric_id": metric_id, "variant": variant}) %} {% endif %}
    {{ metric_row(expressions, parts=parts) }}
{%- endmacro %}
