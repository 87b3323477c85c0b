"""Street addresses written the English way: a house number and a street, with flat and postcode.

Keep out: names of cities and streets alone.
"""

from orchestration.privacy.rules.rule import LATIN, Pattern, Rule

_STREET = r"(?i:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|terrace|crescent|parkway|pkwy|highway|hwy)"
# 500 GB Hard Drive, 3 Days In Court: a unit, or a time, of that number.
_AMOUNT = r"^[0-9]+\s(?i:[kmgt]b|inch(?:es)?|minutes|mins|hours|days|weeks|months|years)\s"

RULE = Rule(
    name="address_en",
    token="ADDRESS",
    order=135,
    reads="digits",
    needs=rf"[0-9][A-Za-z]?\s[A-Z0-9].*\s{_STREET}\b|(?i:po box)",
    patterns=(
        Pattern(
            value=r"(?:(?i:apt|suite|unit|flat)\.?\s[0-9A-Za-z]{1,5},?\s)?\b[0-9]{1,6}[A-Za-z]?,?\s(?:[A-Z0-9]["
            + LATIN
            + r"0-9'.\-]*\s){1,4}"
            + _STREET
            + r"\b\.?(?:,?\s(?i:apt|suite|unit|flat|#)\.?\s?[0-9A-Za-z]{1,5})?(?:,\s[A-Z][a-z]+(?:\s[A-Z][a-z]+)?)?(?:,?\s[A-Z]{2}\s[0-9]{5}(?:-[0-9]{4})?)?",
            check=lambda c: f"not regexp_matches({c}, '{_AMOUNT}')",
        ),
        Pattern(value=r"(?i:\bp\.?o\.?\sbox\s)[0-9]{1,6}"),
    ),
)
