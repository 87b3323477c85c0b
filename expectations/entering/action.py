"""What a batch of kind `action` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import in_order

RULES = (
    in_order("opened_at", "shipped_at"),
    in_order("shipped_at", "notified_at", severity="warning"),
)
