"""One row per weekly interval, exception or holiday of a calendar.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="calendar",
    grain="One row per weekly interval, exception or holiday of a calendar.",
    key=(
        "calendar_id",
        "entry_id",
    ),
    event_time="updated_at",
    is_reference=True,
    fields=(
        plain("calendar_id", "string", "Calendar.", required=True),
        plain("entry_id", "string", "Entry within the calendar.", required=True),
        plain(
            "entry_type",
            "string",
            "A weekly shift, a day with other hours (调休), or a day off.",
            required=True,
            values=("interval", "exception", "holiday"),
        ),
        plain("timezone", "string", "IANA zone.", required=True),
        plain("weekday", "integer", "ISO weekday of an interval, Monday 1.", minimum=1, maximum=7),
        plain("on_date", "date", "Day of an exception or holiday."),
        plain("start_minute", "integer", "Minute of the local day it starts.", unit="minutes", minimum=0, maximum=1440),
        plain("end_minute", "integer", "Minute of the local day it ends.", unit="minutes", minimum=0, maximum=1440),
        plain("valid_from", "date", "First day in force."),
        plain("valid_to", "date", "Day after the last in force."),
        *version(),
    ),
)
