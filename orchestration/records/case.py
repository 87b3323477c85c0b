"""One row per ticket, incident or complaint, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, person, plain, text, version

RECORD = Record(
    kind="case",
    grain="One row per ticket, incident or complaint, at one version.",
    key=('case_id',),
    event_time='opened_at',
    has_person=True,
    fields=(
        key("case_id", "Case at the source.", "case", required=True),
        *person(),
        plain("opened_at", "timestamp", "Opened.", required=True),
        plain("opened_by", "string", "Who opened it.", values=("customer", "agent", "system")),
        plain("channel", "string", "Channel it came by."),
        plain("case_type", "string", "Product defect, suggestion, service complaint, …",
              values=("product_defect", "suggestion", "service_complaint", "question", "praise", "incident", "complaint", "other")),
        plain("category", "string", "Category of the taxonomy."),
        plain("subcategory", "string", "Category below it."),
        plain("product_id", "string", "Product concerned."),
        plain("store_id", "string", "Store concerned."),
        plain("touchpoint", "string", "Step of the journey."),
        plain("region", "string", "Region the source files it under (state, site)."),
        plain("priority", "string", "Priority as of this version; 1 is the most urgent.",
              values=("urgent", "high", "normal", "low")),
        plain("status", "string", "Status as of this version.",
              values=("new", "open", "pending", "on_hold", "resolved", "closed", "cancelled")),
        plain("team", "string", "Team it is assigned to."),
        agent_id(),
        plain("acknowledged_at", "timestamp", "Receipt confirmed, where the source says so without events."),
        plain("first_replied_at", "timestamp", "First human reply, where the source says so without events."),
        plain("resolved_at", "timestamp", "Resolved, where the source says so without events."),
        plain("closed_at", "timestamp", "Closed, where the source says so without events."),
        plain("close_reason", "string", "Why it was closed.",
              values=("resolved", "merged", "spam", "duplicate", "no_response", "declined", "explained", "relief", "untimely", "other")),
        plain("calls_for_handling", "boolean", "Whether it asks for anything; praise does not."),
        plain("language", "string", "Language, ISO 639-1."),
        plain("is_sla_met", "boolean", "The source's own SLA flag, at its last word."),
        plain("is_timely", "boolean", "The source's own timely-response flag."),
        plain("reopen_count", "integer", "Reopenings counted by the source.", minimum=0),
        plain("reassignment_count", "integer", "Reassignments counted by the source.", minimum=0),
        text("title", "Subject line."),
        text("text", "Description."),
        *version(),
    ),
)
