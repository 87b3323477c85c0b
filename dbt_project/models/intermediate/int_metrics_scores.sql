-- One row per metric, variant, period and breakdown cell: nps, csat, rating_mean, ces and recommend_rate.
-- A csat or rating item of a driver question counts in breakdown source,question only.
{% set aggregates = {
    "n": "count(*)",
    "n_promoters": "sum(promoter)",
    "n_detractors": "sum(detractor)",
    "n_satisfied": "sum(satisfied)",
    "n_easy": "sum(easy)",
    "n_easy_5_7": "sum(easy_5_7)",
    "n_hard": "sum(hard)",
    "n_recommended": "sum(recommended)",
    "sum_score": "sum(score)",
    "sd_score": "stddev_samp(score)",
    "sum_position": "sum((score - scale_min) / nullif(scale_max - scale_min, 0))",
    "sd_position": "stddev_samp((score - scale_min) / nullif(scale_max - scale_min, 0))",
    "low_scale_min": "min(scale_min)",
    "high_scale_min": "max(scale_min)",
    "low_scale_max": "min(scale_max)",
    "high_scale_max": "max(scale_max)",
    "n_weighted": "count(weight)",
    "sum_w": "sum(weight)",
    "sum_w2": "sum(weight * weight)",
    "w_promoters": "sum(weight * promoter)",
    "w_detractors": "sum(weight * detractor)",
    "w_satisfied": "sum(weight * satisfied)",
    "w_score": "sum(weight * score)",
    "w_score2": "sum(weight * score * score)",
} %}
{% set counted, uncounted = {}, {} %}
{% for point in range(11) %}
    {% do counted.update({"n_score_" ~ point: "count(case when score_point = " ~ point ~ " then 1 end)"}) %}
    {% do uncounted.update({"n_score_" ~ point: "cast(null as " ~ dbt.type_bigint() ~ ")"}) %}
{% endfor %}
{% set counting = dict(aggregates, **counted) %}
{% set aggregates = dict(aggregates, **uncounted) %}
{# what only nps and ces need is not counted for driver items: there are many of them #}
{% set counting_questions = dict(counting) %}
{% for name in counting %}
    {% if name in [
        "n_promoters",
        "n_detractors",
        "n_easy",
        "n_easy_5_7",
        "n_hard",
        "n_recommended",
        "w_promoters",
        "w_detractors",
    ] %}
        {% do counting_questions.update({name: uncounted["n_score_0"]}) %}
    {% endif %}
{% endfor %}
with
    items as (select * from {{ ref("int_score_items") }}),

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

    cells as (
        select *
        from ({{ metric_cells("overall_items", survey_breakdowns(), aggregates, keys=["family"]) }}) as overall
        union all
        select *
        from ({{ metric_cells("csat_items", survey_breakdowns(), counting, keys=["family"]) }}) as csat
        union all
        select *
        from ({{ metric_cells("rating_items", rating_breakdowns(), counting, keys=["family"]) }}) as rating
        union all
        select *
        from
            (
                {{
                    metric_cells(
                        "question_items",
                        ["source,question"],
                        counting_questions,
                        keys=["family"],
                        grains=["month", "quarter", "year", "all"],
                    )
                }}
            ) as question
        union all
        select *
        from
            ({{ metric_cells("recommending_items", review_breakdowns(), aggregates, keys=["family"]) }}) as recommending
        union all
        select *
        from
            (
                {{ metric_cells("latest_items", survey_breakdowns(), aggregates, keys=["family"], anchor=none) }}
            ) as latest
    ),

    judged as (
        select
            *,
            low_scale_min = high_scale_min and low_scale_max = high_scale_max as is_one_scale,
            {{ effective_n("sum_w", "sum_w2") }} as n_effective
        from cells
    )

    {% set weighted_share = "n_effective * w_satisfied / sum_w" %}
    {% set weighted_p, weighted_d = "n_effective * w_promoters / sum_w", "n_effective * w_detractors / sum_w" %}
    {% set mean_se_expression = "case when is_one_scale then sd_score / sqrt(n) end" %}
    {% set position_se = "100 * sd_position / sqrt(n)" %}
    {% set weighted_variance = "greatest(w_score2 / sum_w - power(w_score / sum_w, 2), 0)" %}
    {% set weighted_mean_se = (
        "case when is_one_scale and n_effective > 1 then sqrt(" ~ weighted_variance ~ " / n_effective) end"
    ) %}
    {% set variants = [
        {
            "metric": "nps",
            "variant": "per_response",
            "where": "family = 'nps'",
            "numerator": "n_promoters - n_detractors",
            "value": "100.0 * (n_promoters - n_detractors) / n",
            "ci": "adjusted_wald",
            "interval": points_interval("n_promoters", "n_detractors", "n"),
        },
        {
            "metric": "nps",
            "variant": "latest_per_subject",
            "where": "family = 'nps_latest'",
            "numerator": "n_promoters - n_detractors",
            "value": "100.0 * (n_promoters - n_detractors) / n",
            "ci": "adjusted_wald",
            "interval": points_interval("n_promoters", "n_detractors", "n"),
        },
        {
            "metric": "nps",
            "variant": "weighted",
            "where": "family = 'nps' and n_weighted > 0",
            "n": "n_weighted",
            "numerator": "w_promoters - w_detractors",
            "denominator": "sum_w",
            "value": "100.0 * ((w_promoters - w_detractors) / sum_w)",
            "ci": "adjusted_wald_effective_n",
            "interval": points_interval(weighted_p, weighted_d, "n_effective"),
        },
        {
            "metric": "csat",
            "variant": "top2",
            "where": "family in ('csat', 'question')",
            "numerator": "n_satisfied",
            "value": "100.0 * n_satisfied / n",
            "ci": "wilson",
            "interval": share_interval("n_satisfied", "n"),
        },
        {
            "metric": "csat",
            "variant": "mean_pct",
            "where": "family in ('csat', 'question')",
            "numerator": "sum_position",
            "value": "100 * sum_position / n",
            "ci": "t",
            "interval": mean_interval("100 * sum_position / n", position_se, "n - 1", 0, 100),
        },
        {
            "metric": "csat",
            "variant": "weighted_top2",
            "where": "family in ('csat', 'question') and n_weighted > 0",
            "n": "n_weighted",
            "numerator": "w_satisfied",
            "denominator": "sum_w",
            "value": "100.0 * (w_satisfied / sum_w)",
            "ci": "wilson_effective_n",
            "interval": share_interval(weighted_share, "n_effective"),
        },
        {
            "metric": "rating_mean",
            "variant": "per_response",
            "where": "family in ('rating', 'question')",
            "numerator": "sum_score",
            "value": "case when is_one_scale then sum_score / n end",
            "ci": "t",
            "interval": mean_interval(
                "sum_score / n", mean_se_expression, "n - 1", "low_scale_min", "high_scale_max"
            ),
        },
        {
            "metric": "rating_mean",
            "variant": "weighted",
            "where": "family in ('rating', 'question') and n_weighted > 0",
            "n": "n_weighted",
            "numerator": "w_score",
            "denominator": "sum_w",
            "value": "case when is_one_scale then w_score / sum_w end",
            "ci": "t_effective_n",
            "interval": mean_interval(
                "w_score / sum_w", weighted_mean_se, "(n_effective - 1)", "low_scale_min", "high_scale_max"
            ),
        },
        {
            "metric": "ces",
            "variant": "pct_easy",
            "where": "family = 'ces'",
            "numerator": "n_easy",
            "value": "100.0 * n_easy / n",
            "ci": "wilson",
            "interval": share_interval("n_easy", "n"),
        },
        {
            "metric": "ces",
            "variant": "pct_easy_5_7",
            "where": "family = 'ces' and is_one_scale and high_scale_max = 7",
            "numerator": "n_easy_5_7",
            "value": "100.0 * n_easy_5_7 / n",
            "ci": "wilson",
            "interval": share_interval("n_easy_5_7", "n"),
        },
        {
            "metric": "ces",
            "variant": "mean",
            "where": "family = 'ces'",
            "numerator": "sum_score",
            "value": "case when is_one_scale then sum_score / n end",
            "ci": "t",
            "interval": mean_interval(
                "sum_score / n", mean_se_expression, "n - 1", "low_scale_min", "high_scale_max"
            ),
        },
        {
            "metric": "ces",
            "variant": "net_easy",
            "where": "family = 'ces'",
            "numerator": "n_easy - n_hard",
            "value": "100.0 * (n_easy - n_hard) / n",
            "ci": "adjusted_wald",
            "interval": points_interval("n_easy", "n_hard", "n"),
        },
        {
            "metric": "recommend_rate",
            "variant": "per_response",
            "where": "family = 'recommend'",
            "numerator": "n_recommended",
            "value": "100.0 * n_recommended / n",
            "ci": "wilson",
            "interval": share_interval("n_recommended", "n"),
        },
    ] %}
    {% set parts = {
        "n_promoters": "n_promoters",
        "n_passives": "n - n_promoters - n_detractors",
        "n_detractors": "n_detractors",
        "n_satisfied": "n_satisfied",
        "n_easy": "n_easy",
        "n_hard": "n_hard",
        "n_effective": "n_effective",
        "scale_min": "case when is_one_scale then low_scale_min end",
        "scale_max": "case when is_one_scale then high_scale_max end",
    } %}
    {% for point in range(11) %} {% do parts.update({"n_score_" ~ point: "n_score_" ~ point}) %} {% endfor %}
{% for v in variants %}
    select
        {{
            metric_row(
                {
                    "metric_id": "'" ~ v.metric ~ "'",
                    "variant": "'" ~ v.variant ~ "'",
                    "n_eligible": "n",
                    "n_answered": v.n or "n",
                    "numerator": v.numerator,
                    "denominator": v.denominator or "n",
                    "value": v.value,
                    "standard_error": v.interval.se,
                    "ci_low": v.interval.low,
                    "ci_high": v.interval.high,
                    "ci_method": "'" ~ v.ci ~ "'",
                },
                parts=parts,
            )
        }}
    from judged
    where {{ v.where }}
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
