-- One row per action and piece of feedback that it answers. An action may name the answers of a response one by one;
-- the response is the piece of feedback.
with
    known as (
        {% for kind, model, named, key in [
            ("survey_response", "stg_survey_answers", "answer_key", "response_key"),
            ("survey_response", "stg_survey_answers", "response_key", "response_key"),
            ("case", "stg_cases", "case_key", "case_key"),
            ("call", "stg_calls", "call_key", "call_key"),
            ("review", "stg_reviews", "review_key", "review_key"),
            ("mention", "stg_mentions", "mention_key", "mention_key"),
            ("note", "stg_notes", "note_key", "note_key"),
        ] %}
            select
                {{ named }} as named_key,
                {{ key }} as feedback_key,
                case when is_current then '{{ kind }}' end as feedback_kind
            from {{ ref(model) }}
            where version_rank = 1
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    answered as ({{ unnest_strings(ref("stg_actions"), "feedback_keys") }})

select
    answered.source,
    answered.action_key,
    coalesce(known.feedback_key, answered.element) as feedback_key,
    max(known.feedback_kind) as feedback_kind  -- null: no answer of the response, or no version of the record, stands
from answered
left join known on answered.element = known.named_key
where answered.is_current
group by answered.source, answered.action_key, coalesce(known.feedback_key, answered.element)
