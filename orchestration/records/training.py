"""One row per training attended by one member of staff.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, plain, version

RECORD = Record(
    kind="training",
    grain="One row per training attended by one member of staff.",
    key=("training_id",),
    event_time="attended_at",
    fields=(
        key("training_id", "Attendance at the source.", "training", required=True),
        agent_id(),
        plain("course", "string", "Course.", required=True),
        plain("attended_at", "timestamp", "When.", required=True),
        plain("hours", "number", "Length.", unit="hours", minimum=0),
        plain("result", "number", "Result of the test.", unit="percent", minimum=0, maximum=100),
        *version(),
    ),
)
