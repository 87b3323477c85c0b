"""Identifiers in plain sight: what a word or text surely shows by its form or its check digits.

The audit of batches and of figures stops at these, so the gate refuses a row with a word that shows one: told twice, a
word that only one of them knows would cost its whole batch.

Keep out: the rules of redaction (rules/), which find more, and what becomes of a row (words.py, expectations/).
"""

from collections.abc import Callable

from orchestration.engine import literal
from orchestration.privacy.rules.card import is_card
from orchestration.privacy.rules.resident_id import passes_mod_11_2

EMAIL = r"[a-z0-9._%+-]@[a-z0-9-]+\.[a-z]{2}"
# A number stands alone where no other digit is near: the gate may read neighbours as one longer number and refuse it.
ALONE_BEFORE, ALONE_AFTER = "(?:^[^0-9]{0,3}|[^0-9]{4})", "(?:[^0-9]{0,3}$|[^0-9]{4})"
PHONE = (
    rf"(?:^|[^0-9])1[3-9][0-9]{{9}}(?:$|[^0-9])|{ALONE_BEFORE}\+[1-9][0-9]{{9,14}}\b{ALONE_AFTER}"  # mobile CN, E.164
)
CARD = "[0-9]{15,19}"  # a GTIN (EAN, UPC) has up to 14 digits, and may pass the check of a card
RESIDENT_ID = "[0-9]{17}[0-9Xx]"
# E-mail addresses and mobile numbers as they would stand in what was not redacted, in whatever column (C5).
RESIDUE = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}|(?:^|[^0-9])(?:\+?86)?1[3-9][0-9]{9}(?:[^0-9]|$)"


def has_email(text: str) -> str:
    """SQL boolean: an e-mail address stands in it."""
    return _when(f"contains({text}, '@')", f"regexp_matches({text}, {literal(EMAIL)}, 'i')")


def has_phone(text: str) -> str:
    """SQL boolean: a mobile number of the mainland, or a number with its country."""
    return _when(_long_number(text), f"regexp_matches({text}, {literal(PHONE)}, 'i')")


def has_card(text: str) -> str:
    """SQL boolean: the number of a card that stands alone."""
    return _has_number(text, CARD, is_card)


def has_resident_id(text: str) -> str:
    """SQL boolean: an identity number of the mainland that stands alone."""
    return _has_number(text, RESIDENT_ID, passes_mod_11_2)


def shows(word: str) -> str:
    """SQL boolean: a word shows any of them, or what no column may hold."""
    residue = f"coalesce(regexp_matches({word}, {literal(RESIDUE)}), false)"
    return f"({has_email(word)} OR {has_phone(word)} OR {has_card(word)} OR {has_resident_id(word)} OR {residue})"


def _has_number(text: str, pattern: str, check: Callable[[str], str]) -> str:
    runs = f"regexp_extract_all({text}, {literal(f'{ALONE_BEFORE}({pattern}){ALONE_AFTER}')}, 1)"
    return _when(_long_number(text), f"len(list_filter({runs}, lambda n: {check('n')})) > 0")


def _long_number(text: str) -> str:
    return f"regexp_matches({text}, '[0-9]{{10}}')"


def _when(hint: str, condition: str) -> str:
    """SQL: the condition, asked where a cheap one holds that it implies."""
    return f"coalesce(CASE WHEN {hint} THEN {condition} END, false)"
