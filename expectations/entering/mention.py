"""What a batch of kind `mention` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import in_order

RULES = (in_order("posted_at", "replied_at"),)
