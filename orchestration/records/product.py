"""One row per product or service, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="product",
    grain="One row per product or service, at one version.",
    key=("product_id",),
    event_time="updated_at",
    fields=(
        plain("product_id", "string", "Product at the source.", required=True),
        plain("name_zh", "string", "Name in Chinese."),
        plain("name_en", "string", "Name in English."),
        plain("category", "string", "Category (class)."),
        plain("department", "string", "Department."),
        plain("division", "string", "Division."),
        plain("price", "number", "List price.", unit="currency", minimum=0),
        plain("currency", "string", "ISO 4217."),
        *version(),
    ),
)
