"""One row per cost line.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, plain, version

RECORD = Record(
    kind="cost",
    grain="One row per cost line.",
    key=("cost_id",),
    event_time="booked_on",
    fields=(
        key("cost_id", "Line at the source.", "cost", required=True),
        plain("programme", "string", "Programme or project.", required=True),
        plain("cost_type", "string", "What was paid for.", values=("staff", "tools", "incentives", "other")),
        plain("booked_on", "date", "Day booked.", required=True),
        plain("hours", "number", "Work.", unit="hours", minimum=0),
        plain("amount", "number", "Amount.", unit="currency"),
        plain("currency", "string", "ISO 4217."),
        *version(),
    ),
)
