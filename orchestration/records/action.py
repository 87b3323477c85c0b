"""One row per improvement, commitment or follow-up, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, plain, text, version

RECORD = Record(
    kind="action",
    grain="One row per improvement, commitment or follow-up, at one version.",
    key=("action_id",),
    event_time="opened_at",
    fields=(
        key("action_id", "Action at the source.", "action", required=True),
        plain("action_type", "string", "What it is.", required=True, values=("improvement", "commitment", "follow_up")),
        plain("opened_at", "timestamp", "Decided.", required=True),
        plain("due_at", "timestamp", "Promised for."),
        plain("shipped_at", "timestamp", "Done, shipped or kept."),
        plain("notified_at", "timestamp", "Customers told."),
        plain("status", "string", "Status.", values=("open", "in_progress", "shipped", "kept", "broken", "dropped")),
        plain("team", "string", "Owning team."),
        agent_id(),
        plain("root_cause", "string", "Root cause it removes."),
        plain("product_id", "string", "Product concerned."),
        key("feedback_ids", "The feedback it answers, each by record_ref(source, kind, id).", "feedback", many=True),
        text("title", "Headline."),
        *version(),
    ),
)
