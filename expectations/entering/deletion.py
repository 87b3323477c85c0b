"""What a batch of kind `deletion` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds, one_of
from orchestration.records import KINDS

RULES = (
    one_of("deleted_kind", (*KINDS, "person")),
    holds("a tombstone names a record or a person", "deleted_key is not null or subject_key is not null"),
)
