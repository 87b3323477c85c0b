"""Bank cards: issuer range, length and Luhn check; in any case after "card number" or 卡号.

Keep out: numbers of orders and parcels, which are long too.
"""

from orchestration.privacy.rules.rule import GAP, Pattern, Rule, digits, in_turn, luhn

_GROUPED = rf"[0-9]{{4}}(?:{GAP}[0-9]{{4}}){{3}}(?:{GAP}[0-9]{{1,3}}\b)?"
_AMEX = rf"[0-9]{{4}}{GAP}[0-9]{{6}}{GAP}[0-9]{{4,5}}"
_LONG = rf"[0-9]{{6}}{GAP}[0-9]{{10,13}}|[0-9]{{8}}{GAP}[0-9]{{8}}"
_SPACED = rf"[0-9](?:{GAP}[0-9]){{12,18}}"
_SHAPES = f"{_GROUPED}|{_AMEX}|{_LONG}|{_SPACED}"
_RANGES = (
    r"^(?:4[0-9]{12}|4[0-9]{15}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-59]|[689][0-9])[0-9]{11}|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}"
    r"|62[0-9]{14,17}|35(?:2[89]|[3-8][0-9])[0-9]{12}|(?:1800|2131)[0-9]{11}|6[0-9]{15}|6[0-9]{18}|9558[0-9]{15}|95599[0-9]{14})$"
)
_WORD = r"(?i:\bcards?\b|\bcc\b|credit|debit|visa|amex|master|银行卡|信用卡|储蓄卡|借记卡|卡)"
_LABEL = r"(?i:card\s?(?:number|no\.?|#)|银行卡号?|信用卡号?|储蓄卡号?|借记卡号?|卡号)[\s:：#是为]{0,4}"


def is_card(candidate: str) -> str:
    """SQL boolean: issuer range, length and Luhn check."""
    return in_turn(
        f"length({candidate}) >= 13", f"regexp_matches({digits(candidate)}, '{_RANGES}')", luhn(digits(candidate))
    )


def _passes_luhn(candidate: str) -> str:
    return in_turn(
        f"length({candidate}) >= 12", f"length({digits(candidate)}) between 12 and 19", luhn(digits(candidate))
    )


def _has_length(candidate: str) -> str:
    return in_turn(f"length({candidate}) >= 13", f"length({digits(candidate)}) between 13 and 19")


RULE = Rule(
    name="card",
    token="CARD",
    order=40,
    reads="numbers",
    needs=rf"[0-9](?:(?:{GAP})?[0-9]){{11}}",
    patterns=(
        Pattern(before=_LABEL, value=f"{_SHAPES}|[0-9]+", check=_has_length),
        Pattern(value=f"{_SHAPES}|[0-9]+", check=is_card),
        Pattern(before=_WORD + r"[^0-9]{0,30}", value=f"{_SHAPES}|[0-9]+", check=_passes_luhn),
    ),
)
