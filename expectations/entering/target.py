"""What a batch of kind `target` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import in_order

RULES = (in_order("valid_from", "valid_to"),)
