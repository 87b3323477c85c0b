"""One row per target for a metric in a stretch of time, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="target",
    grain="One row per target for a metric in a stretch of time, at one version.",
    key=("target_id",),
    event_time="updated_at",
    is_reference=True,
    fields=(
        plain("target_id", "string", "Target.", required=True),
        plain("metric_id", "string", "Metric.", required=True),
        plain(
            "variant",
            "string",
            "Variant; null for the headline.",
        ),
        plain("breakdown", "string", "Breakdown it holds for; empty for the whole."),
        plain("member", "string", "Member of the breakdown."),
        plain("target_value", "number", "Target, in the metric's unit.", required=True),
        plain("valid_from", "date", "First day in force.", required=True),
        plain("valid_to", "date", "Day after the last in force."),
        plain("owner", "string", "Role that owns it."),
        plain("reason", "string", "Why it was set."),
        *version(),
    ),
)
