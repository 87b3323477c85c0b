"""One row per member of staff, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Field, Privacy, Record, agent_id, plain, version

RECORD = Record(
    kind="agent",
    grain="One row per member of staff, at one version.",
    key=("agent_id",),
    event_time="updated_at",
    is_directory=True,
    fields=(
        agent_id(),
        Field("agent_name", "string", Privacy.IDENTIFIER, "Name.", domain="agent.name"),
        Field("agent_email", "string", Privacy.IDENTIFIER, "E-mail address at work.", domain="agent.email"),
        plain("team", "string", "Team."),
        plain("role", "string", "Role."),
        plain("store_id", "string", "Store."),
        plain("hired_on", "date", "First day."),
        plain("left_on", "date", "Day after the last."),
        *version(),
    ),
)
