"""What a batch of kind `usage` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (holds("a day of use counts something", "use_count > 0", mostly=0.5, severity="warning"),)
