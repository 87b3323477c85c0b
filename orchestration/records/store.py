"""One row per shop, terminal or other place of business, at one version.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, plain, version

RECORD = Record(
    kind="store",
    grain="One row per shop, terminal or other place of business, at one version.",
    key=("store_id",),
    event_time="updated_at",
    is_reference=True,
    fields=(
        plain("store_id", "string", "Store at the source.", required=True),
        plain("name_zh", "string", "Name in Chinese."),
        plain("name_en", "string", "Name in English."),
        plain("region", "string", "Region of the store."),
        plain("country", "string", "ISO 3166-1 alpha-2."),
        plain("timezone", "string", "IANA zone."),
        plain("opened_on", "date", "Opening day."),
        *version(),
    ),
)
