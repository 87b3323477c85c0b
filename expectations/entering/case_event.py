"""What a batch of kind `case_event` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (
    holds(
        "a change says what it changed to",
        "case when event_type in ('status', 'priority_changed') then to_value is not null end",
        mostly=0.8,
        severity="warning",
    ),
)
