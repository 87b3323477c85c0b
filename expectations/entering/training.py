"""What a batch of kind `training` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (holds("the trainee is known", "agent_key is not null", mostly=0.8, severity="warning"),)
