"""What a batch of kind `cost` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import currency, holds

RULES = (
    currency(),
    holds("a line holds hours or an amount", "hours is not null or amount is not null", mostly=0.8),
)
