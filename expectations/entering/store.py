"""What a batch of kind `store` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import shaped, timezone

RULES = (
    timezone(),
    shaped("country", "^[A-Z]{2}$", "country is an ISO 3166-1 alpha-2 code"),
)
