"""What a batch of kind `review` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds, in_order

RULES = (
    holds("rating is not above the best rating", "rating <= rating_max", mostly=0.99),
    in_order("posted_at", "edited_at"),
    in_order("posted_at", "replied_at"),
)
