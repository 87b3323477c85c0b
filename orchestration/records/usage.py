"""One row per person, feature and day of use.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, version

RECORD = Record(
    kind="usage",
    grain="One row per person, feature and day of use.",
    key=("usage_id",),
    event_time="used_on",
    has_person=True,
    fields=(
        key("usage_id", "Entry at the source.", "usage", required=True),
        *person(),
        plain("used_on", "date", "Day.", required=True),
        plain("feature", "string", "Feature or page.", required=True),
        plain("use_count", "integer", "Uses.", minimum=0),
        *version(),
    ),
)
