"""What a batch of kind `survey_answer` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (
    holds(
        "an answer says something",
        "score is not null or choice is not null or text is not null",
        mostly=0.5,
        severity="warning",
    ),
)
