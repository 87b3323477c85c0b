"""What a batch of kind `note` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (holds("something was said", "text is not null", mostly=0.5, severity="warning"),)
