"""What a batch of kind `customer` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import currency, in_order

RULES = (
    currency(),
    in_order("first_seen_at", "updated_at", severity="warning"),
)
