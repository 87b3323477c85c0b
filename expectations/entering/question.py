"""What a batch of kind `question` owes beyond its contract.

Keep out: types, vocabularies, ranges, keys and lineage, which contract.py derives, and privacy (privacy.py).
"""

from expectations.rules import holds

RULES = (
    holds("a scale runs upwards", "scale_min < scale_max"),
    holds("an NPS item runs from 0 to 10", "case metric when 'nps' then scale_min = 0 and scale_max = 10 end"),
)
