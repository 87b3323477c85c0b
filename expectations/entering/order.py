"""What a batch of kind `order` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import currency, holds, in_order

RULES = (
    currency(),
    holds("a refund is not positive", "case order_type when 'refund' then amount <= 0 end"),
    holds("a purchase is not negative", "case order_type when 'purchase' then amount >= 0 end", mostly=0.8),
    in_order("period_start", "period_end"),
)
