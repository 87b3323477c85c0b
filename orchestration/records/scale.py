"""One row per label of a scale, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="scale",
    grain="One row per label of a scale, at one version.",
    key=(
        "scale_id",
        "label",
    ),
    event_time="updated_at",
    is_reference=True,
    fields=(
        plain("scale_id", "string", "Scale.", required=True),
        plain("label", "string", "Label as sources write it.", required=True),
        plain("score", "number", "Its score.", required=True),
        plain("scale_min", "number", "Lowest score of the scale."),
        plain("scale_max", "number", "Highest score of the scale."),
        plain("is_satisfied", "boolean", "Counts into CSAT top-2."),
        plain("is_easy", "boolean", "Counts into CES pct_easy."),
        plain("language", "string", "Language of the label, ISO 639-1."),
        *version(),
    ),
)
