"""One row per invitation to a survey, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, version

RECORD = Record(
    kind="survey_invitation",
    grain="One row per invitation to a survey, at one version.",
    key=("invitation_id",),
    event_time="sent_at",
    has_person=True,
    fields=(
        key("invitation_id", "Invitation at the source.", "invitation", required=True),
        *person(),
        plain("survey_id", "string", "Survey.", required=True),
        plain("channel", "string", "Channel it went out by."),
        plain("touchpoint", "string", "Step of the journey it asks about."),
        plain("store_id", "string", "Store concerned."),
        plain("sent_at", "timestamp", "Sent.", required=True),
        plain("delivered_at", "timestamp", "Delivered; null when bounced."),
        plain("bounced_at", "timestamp", "Returned undeliverable."),
        plain("opened_at", "timestamp", "Opened."),
        plain("started_at", "timestamp", "First item answered."),
        plain("completed_at", "timestamp", "Completed."),
        plain("incentive_type", "string", "Gift, discount or points promised; null for none."),
        key("response_id", "The response it led to.", "response"),
        *version(),
    ),
)
