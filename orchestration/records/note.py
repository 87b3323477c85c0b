"""One row per piece of qualitative or internal feedback, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, person, plain, text, version

RECORD = Record(
    kind="note",
    grain="One row per piece of qualitative or internal feedback, at one version.",
    key=("note_id",),
    event_time="noted_at",
    has_person=True,
    fields=(
        key("note_id", "Note at the source.", "note", required=True),
        *person(),
        plain("noted_at", "timestamp", "When it was said; null where the source has no dates."),
        plain(
            "method",
            "string",
            "How it was gathered.",
            values=(
                "interview",
                "focus_group",
                "user_test",
                "sales_note",
                "staff_note",
                "in_app_form",
                "phone_follow_up",
                "other",
            ),
        ),
        plain("party", "string", "Who speaks.", values=("customer", "staff")),
        plain("category", "string", "Category of the taxonomy."),
        plain("channel", "string", "Channel."),
        plain("product_id", "string", "Product concerned."),
        plain("store_id", "string", "Store concerned."),
        plain("language", "string", "Language, ISO 639-1."),
        agent_id(),
        text("text", "What was said."),
        *version(),
    ),
)
