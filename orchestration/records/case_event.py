"""One row per thing that happened to a case.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, person, plain, text, version

RECORD = Record(
    kind="case_event",
    grain="One row per thing that happened to a case.",
    key=("event_id",),
    event_time="occurred_at",
    has_person=True,
    fields=(
        key("event_id", "Event at the source.", "event", required=True),
        key("case_id", "Case it happened to.", "case", required=True),
        *person(),
        plain("occurred_at", "timestamp", "When.", required=True),
        plain("sequence", "integer", "Order among events of one instant."),
        plain(
            "event_type",
            "string",
            "What happened.",
            required=True,
            values=(
                "opened",
                "acknowledged",
                "classified",
                "priority_changed",
                "assigned",
                "status",
                "message_in",
                "message_out",
                "note",
                "escalated",
                "transferred",
                "merged",
                "resolved",
                "reopened",
                "closed",
                "customer_notified",
                "customer_confirmed",
            ),
        ),
        plain("author_role", "string", "Who did it.", values=("customer", "agent", "bot", "system", "third_party")),
        agent_id(),
        plain("from_value", "string", "Status, priority, team or category before."),
        plain("to_value", "string", "Status, priority, team or category after."),
        plain("team", "string", "Team concerned."),
        plain("is_public", "boolean", "Seen by the customer."),
        plain("is_automatic", "boolean", "Done by a rule or a machine."),
        plain("is_substantive", "boolean", "A reply that deals with the matter, not a mere receipt."),
        plain("is_sla_met", "boolean", "The source's running SLA flag at this event."),
        plain("channel", "string", "Channel of a message."),
        text("text", "Message or note."),
        *version(),
    ),
)
