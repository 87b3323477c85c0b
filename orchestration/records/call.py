"""One row per phone call, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, person, plain, text, version

RECORD = Record(
    kind="call",
    grain="One row per phone call, at one version.",
    key=("call_id",),
    event_time="offered_at",
    has_person=True,
    fields=(
        key("call_id", "Call at the source.", "call", required=True),
        *person(),
        plain(
            "offered_at", "timestamp", "When it reached the queue (inbound) or was dialled (outbound).", required=True
        ),
        plain("direction", "string", "Inbound or outbound.", values=("inbound", "outbound")),
        plain("queue", "string", "Queue."),
        plain("ivr_path", "string", "Menu choices, separated by '>'."),
        plain("skill", "string", "Skill asked for."),
        plain("answered_at", "timestamp", "Answered by a person."),
        plain("ended_at", "timestamp", "Ended."),
        plain("is_abandoned", "boolean", "The caller gave up before an answer."),
        plain("wait_seconds", "number", "Wait until answered or given up.", unit="seconds", minimum=0),
        plain("talk_seconds", "number", "Talk time.", unit="seconds", minimum=0),
        plain("hold_seconds", "number", "Time on hold.", unit="seconds", minimum=0),
        plain("wrap_up_seconds", "number", "After-call work.", unit="seconds", minimum=0),
        plain("transfer_count", "integer", "Transfers.", minimum=0),
        plain("team", "string", "Team."),
        agent_id(),
        plain("store_id", "string", "Store concerned."),
        plain("language", "string", "Language, ISO 639-1."),
        key("case_id", "Case it belongs to.", "case"),
        text("text", "Note of the call."),
        *version(),
    ),
)
