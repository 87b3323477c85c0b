"""What a batch of kind `agent` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import in_order

RULES = (in_order("hired_on", "left_on"),)
