"""One row per public review, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, agent_id, key, person, plain, text, version

RECORD = Record(
    kind="review",
    grain="One row per public review, at one version.",
    key=("review_id",),
    event_time="posted_at",
    has_person=True,
    fields=(
        key("review_id", "Review at the source.", "review", required=True),
        *person(),
        plain("posted_at", "timestamp", "First posted."),
        plain("edited_at", "timestamp", "Last edited by its author."),
        plain("rating", "number", "Stars or points.", minimum=0),
        plain("rating_max", "number", "Best rating of the scale.", minimum=1),
        plain("is_recommended", "boolean", "The author recommends the product."),
        plain("helpful_count", "integer", "Readers who found it helpful.", minimum=0),
        plain("replied_at", "timestamp", "When the company replied, last version of the reply."),
        text("title", "Headline."),
        text("text", "Review."),
        text("reply_text", "Reply of the company."),
        agent_id(),
        plain("channel", "string", "Platform."),
        plain("language", "string", "Language, ISO 639-1."),
        plain("product_id", "string", "Product concerned."),
        plain("store_id", "string", "Store concerned."),
        plain("app_version", "string", "Version of the app reviewed."),
        *version(),
    ),
)
