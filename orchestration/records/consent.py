"""One row per grant or withdrawal of consent.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, version

RECORD = Record(
    kind="consent",
    grain="One row per grant or withdrawal of consent.",
    key=("consent_id",),
    event_time="given_at",
    has_person=True,
    fields=(
        key("consent_id", "Consent entry at the source.", "consent", required=True),
        *person(),
        plain("purpose", "string", "Purpose consented to.", required=True),
        plain("action", "string", "Grant or withdrawal.", required=True, values=("grant", "withdraw")),
        plain(
            "consent_type", "string", "General, separate or a guardian's.", values=("general", "separate", "guardian")
        ),
        plain("notice_version", "string", "Version of the notice shown."),
        plain("collected_via", "string", "Where it was given."),
        key("evidence_id", "Proof at the source.", "evidence"),
        plain("given_at", "timestamp", "When it was given or withdrawn.", required=True),
        plain("expires_at", "timestamp", "When a grant ends by itself."),
        *version(),
    ),
)
