"""What a batch of kind `case` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import in_order

RULES = (
    in_order("opened_at", "first_replied_at"),
    in_order("opened_at", "resolved_at"),
    in_order("opened_at", "closed_at"),
)
