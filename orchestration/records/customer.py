"""One row per person or account as a source knows it, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, quasi, version

RECORD = Record(
    kind="customer",
    grain="One row per person or account as a source knows it, at one version.",
    key=("customer_id",),
    event_time="updated_at",
    has_person=True,
    fields=(
        key("customer_id", "Customer at the source.", "customer", required=True),
        *person(),
        plain("customer_type", "string", "A person or a company account.", values=("person", "account")),
        plain("segment", "string", "Segment or persona at the source."),
        plain("language", "string", "Preferred language, ISO 639-1."),
        quasi("region", "string", "Place of living.", "region"),
        quasi("age", "integer", "Age in years.", "age_band", unit="years"),
        plain("gender", "string", "As declared."),
        plain("acquired_channel", "string", "Channel the customer came by."),
        plain("first_seen_at", "timestamp", "When the customer first appeared at the source."),
        plain("tenure_months", "integer", "Months under contract.", unit="months", minimum=0),
        plain("contract", "string", "Contract form."),
        plain("monthly_amount", "number", "Recurring amount a month.", unit="currency", minimum=0),
        plain("total_amount", "number", "Amount charged so far.", unit="currency"),
        plain("currency", "string", "ISO 4217."),
        plain("is_churned", "boolean", "The source's own churn flag."),
        *version(),
    ),
)
