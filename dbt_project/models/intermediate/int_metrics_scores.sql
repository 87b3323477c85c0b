-- One row per metric, variant, period and breakdown cell: nps, csat, rating_mean, ces and recommend_rate.
-- A csat or rating item of a driver question counts in breakdown source,question only. Intervals stand on the effective
-- n (part n_effective): n less what weights take from it, and what persons who answered several times take.
{% set counts = {
    "n": "count(*)",
    "n_promoters": "sum(promoter)",
    "n_detractors": "sum(detractor)",
    "n_satisfied": "sum(satisfied)",
    "n_easy": "sum(easy)",
    "n_easy_5_7": "sum(easy_5_7)",
    "n_hard": "sum(hard)",
    "n_recommended": "sum(recommended)",
    "sum_score": "sum(score)",
    "sum_score2": "sum(score * score)",
    "sum_position": "sum(position)",
    "sum_position2": "sum(position * position)",
    "n_weighted": "count(weight)",
    "sum_w": "sum(weight)",
    "sum_w2": "sum(weight * weight)",
    "w_promoters": "sum(weight * promoter)",
    "w_detractors": "sum(weight * detractor)",
    "w_satisfied": "sum(weight * satisfied)",
    "w_score": "sum(weight * score)",
    "w2_promoters": "sum(weight * weight * promoter)",
    "w2_detractors": "sum(weight * weight * detractor)",
    "w2_satisfied": "sum(weight * weight * satisfied)",
    "w2_score": "sum(weight * weight * score)",
    "w2_score2": "sum(weight * weight * score * score)",
} %}
{% set spreads = {
    "n_subjects_weighted": "count(distinct case when weight is not null then person_number end)",
    "sd_score": spread("score"),
    "sd_position": spread("position"),
    "w_score_differs": "min(case when weight is not null then score end) < max(case when weight is not null then score end)",
    "w_score2": "sum(weight * score * score)",
    "low_scale_min": "min(scale_min)",
    "high_scale_min": "max(scale_min)",
    "low_scale_max": "min(scale_max)",
    "high_scale_max": "max(scale_max)",
} %}
{% set points = {} %}
{% for point in range(11) %}
    {% do points.update({"n_score_" ~ point: "count(case when score_point = " ~ point ~ " then 1 end)"}) %}
{% endfor %}
{# what a score adds up: its sum and its sum of squares over answers, plain, by weight and by squared weight #}
{% set outcomes = {
    "net": {
        "sum": "(n_promoters - n_detractors)",
        "squares": "(n_promoters + n_detractors)",
        "w_sum": "(w_promoters - w_detractors)",
        "w2_sum": "(w2_promoters - w2_detractors)",
        "w2_squares": "(w2_promoters + w2_detractors)",
    },
    "satisfied": {
        "sum": "n_satisfied",
        "squares": "n_satisfied",
        "w_sum": "w_satisfied",
        "w2_sum": "w2_satisfied",
        "w2_squares": "w2_satisfied",
    },
    "position": {"sum": "sum_position", "squares": "sum_position2"},
    "score": {
        "sum": "sum_score",
        "squares": "sum_score2",
        "w_sum": "w_score",
        "w2_sum": "w2_score",
        "w2_squares": "w2_score2",
    },
    "easy": {"sum": "n_easy", "squares": "n_easy"},
    "easy_5_7": {"sum": "n_easy_5_7", "squares": "n_easy_5_7"},
    "net_easy": {"sum": "(n_easy - n_hard)", "squares": "(n_easy + n_hard)"},
    "recommended": {"sum": "n_recommended", "squares": "n_recommended"},
} %}
{# what only nps and ces need is not counted for driver items, nor points where no mart shows them: there are many #}
{% set only_overall = ["promoters", "detractors", "easy", "easy_5_7", "hard", "recommended"] %}
{% set monthly = ["month", "quarter", "year", "all"] %}
{% set families = [
    {"items": "overall_items", "breakdowns": survey_breakdowns()},
    {"items": "csat_items", "breakdowns": survey_breakdowns(), "has_points": true},
    {"items": "rating_items", "breakdowns": rating_breakdowns(), "has_points": true},
    {
        "items": "question_items",
        "breakdowns": ["source,question"],
        "has_points": true,
        "grains": monthly,
        "left_out": only_overall,
    },
    {"items": "recommending_items", "breakdowns": review_breakdowns()},
] %}
with
    items as (
        select *, (score - scale_min) / nullif(scale_max - scale_min, 0) as position from {{ ref("int_score_items") }}
    ),

    overall_items as (select *, item_type as family from items where item_type in ('nps', 'ces') and score is not null),

    csat_items as (select *, 'csat' as family from items where item_type = 'csat' and score is not null),

    rating_items as (
        select *, 'rating' as family from items where item_type in ('csat', 'review') and score is not null
    ),

    question_items as (
        select *, 'question' as family from items where item_type in ('csat', 'driver') and score is not null
    ),

    recommending_items as (
        select *, 'recommend' as family from items where item_type = 'review' and recommended is not null
    ),

    nps_items as (select * from items where item_type = 'nps'),

    latest_items as (
        select *
        from
            (
                select
                    periodic.*,
                    'nps_latest' as family,
                    row_number() over (
                        partition by period_grain, period_start, coalesce(subject_key, record_key)
                        order by anchor_at desc nulls last, record_key desc
                    ) as recency
                from ({{ periods("nps_items", "anchor_at") }}) as periodic
            ) as ranked
        where recency = 1
    ),

    {% set nothing = "cast(null as " ~ dbt.type_bigint() ~ ")" %}
    {% set without_points = {} %}
    {% for point in points %} {% do without_points.update({point: nothing}) %} {% endfor %}
    {% for f in families %}
        {% set counted = dict(counts, **spreads) %}
        {% do counted.update(points if f.has_points else without_points) %}
        {% for count in f.left_out or [] %}
            {% for name in ["n_" ~ count, "w_" ~ count, "w2_" ~ count] if name in counted %}
                {% do counted.update({name: nothing}) %}
            {% endfor %}
        {% endfor %}
        {% do f.update({"counted": counted}) %}
    {% endfor %}
    cells as (
        {% for f in families %}
            select *
            from
                (
                    {{ metric_cells(f["items"], f.breakdowns, f.counted, keys=["family"], grains=f.grains) }}
                ) as {{ f["items"] }}_cells
            union all
        {% endfor %}
        select *
        from
            (
                {{
                    metric_cells(
                        "latest_items",
                        survey_breakdowns(),
                        dict(dict(counts, **spreads), **without_points),
                        keys=["family"],
                        anchor=none,
                    )
                }}
            ) as latest_cells
    ),

    -- persons who answered more than once in a period, and what they add up to in each cell
    several_items as (
        {% for f in families if f["items"] != "question_items" %}
            select *
            from {{ f["items"] }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    {% set several = (survey_breakdowns() + rating_breakdowns() + review_breakdowns()) | unique | list %}
    {# [items, what a person repeats, breakdowns, grains]: only the same driver question is asked again #}
    {% set repeated = [
        ["several_items", ["family", "subject_key"], several, none],
        ["question_items", ["family", "subject_key", "source", "question"], ["source,question"], monthly],
    ] %}
    {% for relation, repeats, breakdowns, grains in repeated %}
        asked_again_{{ relation }} as (
            select item.*
            from {{ relation }} as item
            inner join
                (
                    select {{ repeats | join(", ") }}
                    from {{ relation }}
                    where subject_key is not null
                    group by {{ repeats | join(", ") }}
                    having count(*) > 1
                ) as told
                on {% for column in repeats %}
                    item.{{ column }} = told.{{ column }} {% if not loop.last %} and {% endif %}
                {% endfor %}
        ),

        repeated_{{ relation }} as (
            select *
            from
                (
                    select
                        periodic.*,
                        count(*) over (
                            partition by {{ repeats | join(", ") }}, period_grain, period_start
                        ) as n_of_person
                    from ({{ periods("asked_again_" ~ relation, "anchor_at", grains) }}) as periodic
                ) as told
            where n_of_person > 1
        ),
    {% endfor %}
    person_cells as (
        {% for relation, repeats, breakdowns, grains in repeated %}
            select *
            from
                (
                    {{
                        metric_cells(
                            "repeated_" ~ relation, breakdowns, counts, keys=["family", "subject_key"], anchor=none
                        )
                    }}
                ) as {{ relation }}_person_cells
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    -- what answers of one person add to sums of squares and products: those of persons less those of single answers
    {% set cell = ["family", "period_grain", "period_start", "breakdown"] + metric_dimensions() %}
    repetitions as (
        select
            {{ key_of(cell, "person_cells") }} as cell_key,
            sum(n - 1) as repeats,
            sum(n * n - n) as pairs,
            sum(case when n_weighted > 0 then n_weighted - 1 end) as w_repeats,
            sum(sum_w * sum_w - sum_w2) as w_pairs
            {% for name, o in outcomes.items() %}
                ,
                sum({{ o["sum"] }} * {{ o["sum"] }} - {{ o.squares }}) as squares_{{ name }},
                sum({{ o["sum"] }} * (n - 1)) as products_{{ name }}
                {% if o.w_sum %}
                    ,
                    sum({{ o.w_sum }} * {{ o.w_sum }} - {{ o.w2_squares }}) as w_squares_{{ name }},
                    sum({{ o.w_sum }} * sum_w - {{ o.w2_sum }}) as w_products_{{ name }}
                {% endif %}
            {% endfor %}
        from person_cells
        where n > 1
        group by {{ key_of(cell, "person_cells") }}
    ),

    judged as (
        select
            cells.*,
            low_scale_min = high_scale_min and low_scale_max = high_scale_max as is_one_scale,
            n - coalesce(repeats, 0) as n_persons,
            n_weighted - coalesce(w_repeats, 0) as w_persons
            {% for name, o in outcomes.items() %}
                {% set sums = {"y": o["sum"], "w": "n", "yy": o.squares, "wy": o["sum"], "ww": "n"} %}
                {% set repeated = {"yy": "squares_" ~ name, "wy": "products_" ~ name, "ww": "pairs"} %},
                {{ effective_n(sums, repeated, "n", "repeats") }} as n_effective_{{ name }}
                {% if o.w_sum %}
                    {% set sums = {"y": o.w_sum, "w": "sum_w", "yy": o.w2_squares, "wy": o.w2_sum, "ww": "sum_w2"} %}
                    {% set repeated = {"yy": "w_squares_" ~ name, "wy": "w_products_" ~ name, "ww": "w_pairs"} %},
                    {{ effective_n(sums, repeated, "n_weighted", "w_repeats") }} as w_effective_{{ name }}
                {% endif %}
            {% endfor %}
        from cells
        left join repetitions on {{ key_of(cell, "cells") }} = repetitions.cell_key
    )

    {% set of_csat, of_ratings = "family in ('csat', 'question')", "family in ('rating', 'question')" %}
    {% set on_seven = "family = 'ces' and is_one_scale and high_scale_max = 7" %}
    {% set sides, ease = ["promoters", "detractors"], ["easy", "hard"] %}
    {% set variants = [
        {"metric": "nps", "variant": "per_response", "of": "net", "where": "family = 'nps'", "groups": sides},
        {
            "metric": "nps",
            "variant": "latest_per_subject",
            "of": "net",
            "where": "family = 'nps_latest'",
            "groups": sides,
            "of_persons": true,
        },
        {
            "metric": "nps",
            "variant": "weighted",
            "of": "net",
            "where": "family = 'nps'",
            "groups": sides,
            "by_weight": true,
        },
        {"metric": "csat", "variant": "top2", "of": "satisfied", "where": of_csat},
        {"metric": "csat", "variant": "mean_pct", "of": "position", "where": of_csat, "mean": "percent"},
        {
            "metric": "csat",
            "variant": "weighted_top2",
            "of": "satisfied",
            "where": of_csat,
            "by_weight": true,
        },
        {
            "metric": "rating_mean",
            "variant": "per_response",
            "of": "score",
            "where": of_ratings,
            "mean": "scale",
        },
        {
            "metric": "rating_mean",
            "variant": "weighted",
            "of": "score",
            "where": of_ratings,
            "mean": "scale",
            "by_weight": true,
        },
        {"metric": "ces", "variant": "pct_easy", "of": "easy", "where": "family = 'ces'"},
        {"metric": "ces", "variant": "pct_easy_5_7", "of": "easy_5_7", "where": on_seven},
        {"metric": "ces", "variant": "mean", "of": "score", "where": "family = 'ces'", "mean": "scale"},
        {"metric": "ces", "variant": "net_easy", "of": "net_easy", "where": "family = 'ces'", "groups": ease},
        {
            "metric": "recommend_rate",
            "variant": "per_response",
            "of": "recommended",
            "where": "family = 'recommend'",
        },
    ] %}
    {% set parts = {
        "n_easy": "n_easy",
        "n_hard": "n_hard",
        "scale_min": "case when is_one_scale then low_scale_min end",
        "scale_max": "case when is_one_scale then high_scale_max end",
    } %}
    {% for point in points %} {% do parts.update({point: point}) %} {% endfor %}
    {# a figure by weight does not follow from counts of answers, nor one of answers from weights #}
    {% set by_count = {
        "n_promoters": "n_promoters",
        "n_passives": "n - n_promoters - n_detractors",
        "n_detractors": "n_detractors",
        "n_satisfied": "n_satisfied",
    } %}
    {% set by_weight = {
        "w_promoters": "w_promoters",
        "w_passives": "sum_w - w_promoters - w_detractors",
        "w_detractors": "w_detractors",
    } %}
{% for v in variants %}
        {% set o = outcomes[v.of] %}
        {% set w = "w" if v.by_weight else "n" %}
        {% set k, n = (o.w_sum, "sum_w") if v.by_weight else (o["sum"], "n") %}
        {% set n_effective = w ~ "_effective_" ~ v.of %}
        {% set own_parts = dict(parts, n_effective=n_effective) %}
        {% for part, expression in by_count.items() %}
            {% do own_parts.update({part: nothing if v.by_weight else expression}) %}
        {% endfor %}
        {% for part, expression in by_weight.items() %}
            {% do own_parts.update({part: expression if v.by_weight else "cast(null as " ~ type_double() ~ ")"}) %}
        {% endfor %}
        {% set mean = ratio(k, n) %}
        {% set value = "100.0 * " ~ (mean if v.by_weight else k ~ " / " ~ n) %}
        {% if v.groups %}
            {% set method, effective_share = "adjusted_wald", ratio(n_effective, n) %}
            {% set up = w ~ "_" ~ v.groups[0] ~ " * " ~ effective_share %}
            {% set down = w ~ "_" ~ v.groups[1] ~ " * " ~ effective_share %}
            {% set interval = points_interval(up, down, n_effective) %}
        {% elif v.mean %}
            {% set method, df = "t", "(" ~ n_effective ~ " - 1)" %}
            {% set sd = (
                "case when w_score_differs then sqrt(greatest(w_score2 / sum_w - power(w_score / sum_w, 2), 0)) else 0 end"
                if v.by_weight
                else "sd_" ~ v.of
            ) %}
            {% set se = "case when " ~ w ~ "_persons > 1 then " ~ mean_se(sd, n_effective) ~ " end" %}
            {% if v.mean == "percent" %} {% set interval = mean_interval(value, "100 * " ~ se, df, 0, 100) %}
            {% else %}
                {% set value = "case when is_one_scale then " ~ mean ~ " end" %}
                {% set interval = mean_interval(value, se, df, "low_scale_min", "high_scale_max") %}
            {% endif %}
        {% else %} {% set method = "wilson" %} {% set interval = share_interval(k, n, n_effective) %}
        {% endif %}
    select
        {{
            metric_row(
                {
                    "metric_id": "'" ~ v.metric ~ "'",
                    "variant": "'" ~ v.variant ~ "'",
                    "n_eligible": "n",
                    "n_answered": "n_weighted" if v.by_weight else "n",
                    "n_subjects": "n_subjects_weighted" if v.by_weight else "n_subjects",
                    "numerator": k,
                    "denominator": n,
                    "value": value,
                    "standard_error": interval.se,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "ci_method": "'"
                    ~ method
                    ~ ("_weighted" if v.by_weight else "")
                    ~ ("" if v.of_persons else "_clustered")
                    ~ "'",
                },
                parts=own_parts,
            )
        }}
    from judged
    where {{ v.where }} {% if v.by_weight %} and n_weighted > 0 {% endif %}
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
