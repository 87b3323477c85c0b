"""One row per social or community post, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, person, plain, text, version

RECORD = Record(
    kind="mention",
    grain="One row per social or community post, at one version.",
    key=("mention_id",),
    event_time="posted_at",
    has_person=True,
    fields=(
        key("mention_id", "Post at the source.", "mention", required=True),
        *person(),
        plain("posted_at", "timestamp", "Posted.", required=True),
        plain("channel", "string", "Platform."),
        plain("reach", "integer", "Reach as the source reports it.", minimum=0),
        plain("reaction_count", "integer", "Likes and the like.", minimum=0),
        plain("replied_at", "timestamp", "When the company replied."),
        key("reply_to_id", "Post it answers.", "mention"),
        plain("language", "string", "Language, ISO 639-1."),
        plain("product_id", "string", "Product concerned."),
        text("text", "Post."),
        text("reply_text", "Reply of the company."),
        agent_id(),
        *version(),
    ),
)
