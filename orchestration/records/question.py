"""One row per survey item, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="question",
    grain="One row per survey item, at one version.",
    key=(
        "survey_id",
        "question_id",
    ),
    event_time="updated_at",
    is_reference=True,
    fields=(
        plain("survey_id", "string", "Survey the item belongs to.", required=True),
        plain("question_id", "string", "Item within the survey.", required=True),
        plain("survey_name_zh", "string", "Survey's name in Chinese."),
        plain("survey_name_en", "string", "Survey's name in English."),
        plain(
            "metric",
            "string",
            "What the item measures; csat is a survey's overall item, driver the rest.",
            required=True,
            values=("nps", "csat", "ces", "driver", "open", "programme", "other"),
        ),
        plain(
            "answer_type",
            "string",
            "Form of the answer.",
            values=("open", "choice_single", "choice_multi", "boolean", "slider", "scale"),
        ),
        plain("scale_id", "string", "Scale the labels belong to (dim_scales)."),
        plain("scale_min", "number", "Lowest score."),
        plain("scale_max", "number", "Highest score."),
        plain("is_effort_worded", "boolean", "High means much effort: flipped, so that higher is easier."),
        plain("no_answer_codes", "strings", "Codes that are not answers (blank, never used, don't know)."),
        plain("text_zh", "string", "Wording in Chinese."),
        plain("text_en", "string", "Wording in English."),
        plain("theme", "string", "Theme of the item."),
        plain("position", "integer", "Order within the survey.", minimum=0),
        *version(),
    ),
)
