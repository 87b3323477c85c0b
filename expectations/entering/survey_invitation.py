"""What a batch of kind `survey_invitation` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds, in_order

RULES = (
    in_order("sent_at", "delivered_at"),
    in_order("delivered_at", "opened_at"),
    in_order("started_at", "completed_at"),
    holds("what bounced was not completed", "not (bounced_at is not null and completed_at is not null)", mostly=0.8),
)
