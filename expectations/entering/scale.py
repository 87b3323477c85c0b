"""What a batch of kind `scale` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (holds("a score lies on its scale", "score between scale_min and scale_max"),)
