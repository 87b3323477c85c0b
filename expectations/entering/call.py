"""What a batch of kind `call` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds, in_order

RULES = (
    in_order("offered_at", "answered_at"),
    in_order("answered_at", "ended_at"),
    holds("an abandoned call was not answered", "not (is_abandoned and answered_at is not null)", mostly=0.8),
)
