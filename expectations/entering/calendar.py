"""What a batch of kind `calendar` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds, timezone

RULES = (
    timezone(),
    holds("a shift ends after it starts", "start_minute < end_minute"),
    holds(
        "an interval names its weekday, an exception or holiday its day",
        "case entry_type when 'interval' then weekday is not null else on_date is not null end",
    ),
)
