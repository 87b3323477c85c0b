"""The privacy suite: what no row may carry, on entering the lake and on leaving for readers.

Keep out: redaction itself (orchestration/privacy). These detectors are a second pair of eyes on what the gate gave:
narrower than its rules, so that what they find was never redacted at all. They turn text into true or false inside
DuckDB, so no text reaches a frame, a result or a log.
"""

import re
from collections.abc import Callable, Iterable

from great_expectations import expectations as gxe

from expectations.rules import BATCH, Rule, holds, quoted, shaped
from orchestration.privacy.marks import MARK
from orchestration.privacy.row_level import row_level_columns
from orchestration.privacy.rules.card import is_card
from orchestration.privacy.rules.resident_id import passes_mod_11_2
from orchestration.records import Field, Privacy, Record

HASHED = "[0-9a-f]{64}"  # HMAC-SHA256 in hexadecimal
EMAIL = r"[a-z0-9._%+-]@[a-z0-9-]+\.[a-z]{2}"
# A number stands alone where no other digit is near: the gate may read neighbours as one longer number and refuse it.
ALONE_BEFORE, ALONE_AFTER = "(?:^[^0-9]{0,3}|[^0-9]{4})", "(?:[^0-9]{0,3}$|[^0-9]{4})"
PHONE = (
    rf"(?:^|[^0-9])1[3-9][0-9]{{9}}(?:$|[^0-9])|{ALONE_BEFORE}\+[1-9][0-9]{{9,14}}\b{ALONE_AFTER}"  # mobile CN, E.164
)
CARD = "[0-9]{15,19}"  # a GTIN (EAN, UPC) has up to 14 digits, and may pass the check of a card
AT_SIGN = "contains({}, '@')"
LONG_NUMBER = "regexp_matches({}, '[0-9]{{10}}')"


def _side_by_side(columns: Iterable[str]) -> str:
    """SQL: several columns as one text, so far apart that no pattern reaches from one into the other.

    What has to stand alone has four characters on either side to itself.
    """
    named = [quoted(c) for c in columns]
    return named[0] if len(named) == 1 else f"concat_ws(repeat(chr(10), 8), {', '.join(named)})"


def _found(columns: Iterable[str], pattern: str, hint: str = "true") -> str:
    """SQL: the pattern (RE2, any case) is found in one of these columns; `hint`: a cheap condition it implies."""
    literal = pattern.replace("'", "''")
    text = _side_by_side(columns)
    return f"coalesce(case when {hint.format(text)} then regexp_matches({text}, '{literal}', 'i') end, false)"


def _found_number(columns: Iterable[str], pattern: str, check: Callable[[str], str]) -> str:
    """SQL: a number of this form that stands alone satisfies the gate's own check, in one of these columns."""
    text = _side_by_side(columns)
    runs = f"regexp_extract_all({text}, '{ALONE_BEFORE}({pattern}){ALONE_AFTER}', 1)"
    return f"coalesce(case when {LONG_NUMBER.format(text)} then len(list_filter({runs}, lambda n: {check('n')})) > 0 end, false)"


def text_rules(texts: tuple[str, ...], words: tuple[str, ...]) -> list[Rule]:
    """No identifier in what people wrote (`texts`) or in columns of words; in codes (`…_id`) no e-mail address."""
    found = []
    if texts or words:
        found.append(holds("no e-mail address in any text", f"not ({_found((*texts, *words), EMAIL, AT_SIGN)})"))
    read = (*texts, *(w for w in words if not w.endswith("_id")))
    if read:
        found += [
            holds("no phone number in any text", f"not ({_found(read, PHONE, LONG_NUMBER)})"),
            holds("no card number in any text", f"not ({_found_number(read, CARD, is_card)})"),
            holds("no resident id in any text", f"not ({_found_number(read, '[0-9]{17}[0-9Xx]', passes_mod_11_2)})"),
        ]
    return found


def canary_rule(columns: dict[str, str], canaries: Iterable[str]) -> list[Rule]:
    """None of these values (planted identities) stands in any column of words (keys are hashes by a rule of their own).

    `columns`: name to DuckDB type.
    """
    planted = sorted({c.lower() for c in canaries if c})
    words = [c for c, t in columns.items() if t == "VARCHAR" and not c.endswith(("_key", "_hash"))]
    if not planted or not words:
        return []
    return [holds("no planted identity in any text", f"not ({_found(words, '|'.join(map(re.escape, planted)))})")]


def batch_rules(record: Record) -> tuple[Rule, ...]:
    """The privacy suite of a batch that enters."""
    texts = tuple(f.name for f in record.fields if f.privacy is Privacy.TEXT)
    words = tuple(
        f.protected_name
        for f in record.fields
        if f.privacy in (Privacy.PLAIN, Privacy.QUASI) and f.type == "string" and not f.values and f.protected_name
    )
    keys = [f for f in record.fields if f.privacy in (Privacy.RECORD_KEY, Privacy.IDENTIFIER) and f.protected_name]
    hashed = " and ".join(
        ["coalesce(" + _hashed(f) + ", true)" for f in keys]
        + [f"coalesce(regexp_full_match({name}, '{HASHED}'), true)" for name in ("subject_key", "unproved_key")]
    )
    bands = [
        shaped(f"{f.name}_band", r"^(?:\d{1,2}-\d{1,2}|90\+)$", f"{f.name} stands as a band")
        for f in record.fields
        if f.generalise == "age_band"
    ]
    return (
        holds("keys are keyed hashes", hashed),
        *text_rules(texts, words),
        *bands,
    )


def keeping_rule() -> Rule:
    """Rows of a source that is no declared public set are not kept for ever."""
    return holds("an end of keeping is set", "retain_until is not null")


def _hashed(field: Field) -> str:
    column = quoted(str(field.protected_name))
    if field.type == "strings":
        return f"list_bool_and(list_transform({column}, lambda k: regexp_full_match(k, '{HASHED}')))"
    mark = f"(?:{MARK})?" if field.domain == "agent.id" else ""  # of staff who objected
    return f"regexp_full_match({column}, '{mark}{HASHED}')"


def mart_rules(columns: dict[str, str]) -> tuple[Rule, ...]:
    """The privacy suite of a published mart; columns: name to DuckDB type."""
    words = tuple(c for c, t in columns.items() if t == "VARCHAR")
    return (
        Rule(
            "no column tells a single person, record, member of staff or text",
            gxe.ExpectColumnValuesToNotBeInSet(column="column_name", value_set=sorted(row_level_columns())),
            evidence=f"select column_name from (describe {BATCH})",
        ),
        *text_rules(words, ()),
    )
