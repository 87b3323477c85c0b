"""What a batch of kind `sla_policy` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds, in_order

RULES = (
    holds("business time names its calendar", "case when is_business_time then calendar_id is not null end"),
    in_order("valid_from", "valid_to"),
)
