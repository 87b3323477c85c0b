"""One row per purchase, refund or subscription period, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, version

RECORD = Record(
    kind="order",
    grain="One row per purchase, refund or subscription period, at one version.",
    key=("order_id",),
    event_time="ordered_at",
    has_person=True,
    fields=(
        key("order_id", "Order at the source.", "order", required=True),
        *person(),
        plain("ordered_at", "timestamp", "When.", required=True),
        plain(
            "order_type",
            "string",
            "Purchase, refund or one period of a subscription.",
            required=True,
            values=("purchase", "refund", "subscription"),
        ),
        plain("amount", "number", "Amount; a refund is negative.", unit="currency"),
        plain("currency", "string", "ISO 4217."),
        plain("cost_amount", "number", "Cost of what was sold.", unit="currency"),
        plain("quantity", "number", "Items.", minimum=0),
        plain("product_id", "string", "Product."),
        plain("store_id", "string", "Store."),
        plain("channel", "string", "Channel."),
        plain("period_start", "date", "First day of a subscription period."),
        plain("period_end", "date", "Day after the last of a subscription period."),
        *version(),
    ),
)
