"""English names where the words around them say that they are names: after Mr. or "my name is".

Keep out: bare names; the record's own persons (redaction.py).
"""

from orchestration.privacy.rules.rule import CAPITAL, LATIN, Pattern, Rule

_WORD = rf"[{CAPITAL}][{LATIN}'’\-]+"

RULE = Rule(
    name="name_en",
    token="NAME",
    order=155,
    needs=r"(?i:\bmr|\bms|\bmrs|\bmiss|\bdr|\bprof|name)",
    patterns=(
        Pattern(
            before=r"\b(?:(?i:mr|mrs|ms|dr|prof)\.?|Miss)\s",
            value=rf"(?:[{CAPITAL}]\.\s?)?{_WORD}(?:\s(?:[{CAPITAL}]\.|{_WORD})){{0,2}}",
        ),
        Pattern(
            before=r"(?i:\bmy\s(?:full\s)?name\s?(?:is|:)|\bname:)\s{1,4}",
            value=rf"{_WORD}(?:\s(?:[{CAPITAL}]\.|{_WORD})){{0,2}}",
        ),
    ),
)
