-- One row per piece of feedback from any channel: a survey response, case, call, review, mention or note.
{{
    follows_all(
        {
            "stg_survey_answers": "response_key",
            "stg_cases": "case_key",
            "stg_calls": "call_key",
            "stg_reviews": "review_key",
            "stg_mentions": "mention_key",
            "stg_notes": "note_key",
        },
        "feedback_key",
    )
}}
{% set missing_text = "cast(null as " ~ dbt.type_string() ~ ")" %}
{% set missing_number = "cast(null as " ~ type_double() ~ ")" %}
with
    responses as (
        select
            response_key as feedback_key,
            'survey_response' as feedback_kind,
            'customer' as party,
            source,
            max(channel) as channel,
            max(product_id) as product_id,
            max(store_id) as store_id,
            max(touchpoint) as touchpoint,
            max(language) as language,
            {{ missing_text }} as category,
            {{ dbt.listagg("text", "' / '", "order by question_id") }} as text,
            avg(
                case
                    when metric in ('nps', 'csat', 'ces') and is_scored and scale_max > scale_min
                    then 100 * (directed_score - scale_min) / (scale_max - scale_min)
                end
            ) as score_percent,
            max(case when is_sensitive_text then 1 else 0 end) = 1 as is_sensitive_text,
            min(answered_at) as given_at,
            max(subject_key) as subject_key,
            max(load_id) as load_id
        from {{ ref("fct_survey_answers") }} {{ only_touched_of("stg_survey_answers", "response_key") }}
        group by source, response_key
    )

select *
from responses

{% for kind, given_at, channel, category, touchpoint, score, party in [
        ("case", "opened_at", "channel", "category", "touchpoint", none, "'customer'"),
        ("call", "offered_at", "'phone'", none, none, none, "'customer'"),
        (
            "review",
            "posted_at",
            "channel",
            none,
            none,
            "case when rating_max > 1 then 100 * (rating - 1) / (rating_max - 1) end",
            "'customer'",
        ),
        ("mention", "posted_at", "channel", none, none, none, "'customer'"),
        ("note", "noted_at", "channel", "category", none, none, "coalesce(party, 'customer')"),
    ] %}
    union all
    select
        {{ kind }}_key as feedback_key,
        '{{ kind }}' as feedback_kind,
        {{ party }} as party,
        source,
        {{ channel }} as channel,
        {% if kind == "call" %} {{ missing_text }}
        {% else %} product_id
        {% endif %} as product_id,
        {% if kind == "mention" %} {{ missing_text }}
        {% else %} store_id
        {% endif %} as store_id,
        {{ touchpoint or missing_text }} as touchpoint,
        language,
        {{ category or missing_text }} as category,
        text,
        cast({{ score or missing_number }} as {{ type_double() }}) as score_percent,
        coalesce(is_sensitive_text, false) as is_sensitive_text,
        {{ given_at }} as given_at,
        subject_key,
        load_id
    from {{ ref("fct_" ~ kind ~ "s") }} {{ only_touched_of("stg_" ~ kind ~ "s", kind ~ "_key") }}
{% endfor %}
