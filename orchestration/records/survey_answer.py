"""One row per answer to one question of one response, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, text, version

RECORD = Record(
    kind="survey_answer",
    grain="One row per answer to one question of one response, at one version.",
    key=("answer_id",),
    event_time="answered_at",
    has_person=True,
    fields=(
        key("answer_id", "Answer at the source.", "answer", required=True),
        key("response_id", "Response the answer belongs to.", "response", required=True),
        *person(),
        plain("survey_id", "string", "Survey.", required=True),
        plain("question_id", "string", "Item.", required=True),
        plain("answered_at", "timestamp", "When it was answered."),
        plain("score", "number", "Answer as a number on the item's scale."),
        plain("choice", "string", "Label or code of a chosen option."),
        text("text", "Free answer."),
        plain("weight", "number", "Survey weight.", minimum=0),
        plain("channel", "string", "Channel it was answered by."),
        plain("touchpoint", "string", "Step of the journey."),
        plain("store_id", "string", "Store concerned."),
        plain("product_id", "string", "Product concerned."),
        plain("language", "string", "Language of the answer, ISO 639-1."),
        plain("wants_contact", "boolean", "The customer asked to be called back."),
        key("case_id", "Case the survey asks about.", "case"),
        *version(),
    ),
)
