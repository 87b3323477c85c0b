"""One row per rule of an SLA policy, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="sla_policy",
    grain="One row per rule of an SLA policy, at one version.",
    key=(
        "policy_id",
        "rule_id",
    ),
    event_time="updated_at",
    is_reference=True,
    fields=(
        plain("policy_id", "string", "Policy.", required=True),
        plain("rule_id", "string", "Rule within the policy.", required=True),
        plain(
            "metric",
            "string",
            "What is timed.",
            required=True,
            values=("first_reply", "next_reply", "resolution", "agent_work", "requester_wait", "periodic_update"),
        ),
        plain("priority", "string", "Priority it holds for; null for all.", values=("urgent", "high", "normal", "low")),
        plain("applies_to_source", "string", "Source it holds for; null for all."),
        plain("applies_to_channel", "string", "Channel it holds for; null for all."),
        plain("target_minutes", "number", "Target.", unit="minutes", required=True, minimum=0),
        plain("is_business_time", "boolean", "Counted on the calendar rather than around the clock."),
        plain("calendar_id", "string", "Calendar that business time runs on."),
        plain("pausing_statuses", "strings", "Statuses in which the clock stands."),
        plain("stop_at", "string", "First or last resolution.", values=("first", "last")),
        plain("valid_from", "timestamp", "In force from."),
        plain("valid_to", "timestamp", "In force until (exclusive)."),
        *version(),
    ),
)
