"""The privacy suite: what no row may carry, on entering the lake and on leaving for readers.

Keep out: redaction itself (orchestration/privacy). These detectors are a second pair of eyes with plain constant
patterns, each narrower than what redaction masks. They turn text into true or false inside DuckDB, so no text ever
reaches a frame, a result or a log.
"""

import re
from collections.abc import Iterable

from great_expectations import expectations as gxe

from expectations.rules import BATCH, Rule, holds, quoted, shaped
from orchestration.records import KINDS, LINEAGE, Field, Privacy, Record

HASHED = r"[0-9a-f]{32,64}"  # a keyed hash in hex
EMAIL = r"[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}"
PHONES = (r"(^|[^0-9])1[3-9][0-9]{9}($|[^0-9])", r"\+[1-9][0-9]{9,14}($|[^0-9])")  # mobile CN, E.164
CARD_LENGTH = (13, 19)
AT_SIGN = "contains({}, '@')"
LONG_NUMBER = "regexp_matches({}, '[0-9]{{10}}')"
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
RESIDENT_CHECKS = "10X98765432"


def _found(columns: Iterable[str], pattern: str, hint: str = "true") -> str:
    """SQL: the pattern (RE2, any case) is found in one of these columns; `hint`: a cheap condition it implies."""
    literal = pattern.replace("'", "''")
    return _any(
        f"case when {hint.format(quoted(c))} then regexp_matches({quoted(c)}, '{literal}', 'i') end" for c in columns
    )


def _any(conditions: Iterable[str]) -> str:
    """SQL: one of the conditions is true; null is not."""
    return " or ".join(f"coalesce({c}, false)" for c in conditions)


def _card(column: str) -> str:
    """SQL: the text holds a number of a card's length that satisfies Luhn's check (ISO/IEC 7812-1)."""
    digit = "(ascii(substr(n, len(n) - i::int, 1)) - 48)"
    total = (
        "list_sum(list_transform(range(len(n)), lambda i: "
        f"case when i % 2 = 0 then {digit} when {digit} > 4 then 2 * {digit} - 9 else 2 * {digit} end))"
    )
    low, high = CARD_LENGTH
    runs = f"regexp_extract_all({quoted(column)}, '[0-9]{{{low},}}')"
    fits = f"len(n) <= {high} and substr(n, 1, 1) between '3' and '6' and {total} % 10 = 0"
    return f"case when {LONG_NUMBER.format(quoted(column))} then len(list_filter({runs}, lambda n: {fits})) > 0 end"


def _resident(column: str) -> str:
    """SQL: the text holds a Chinese resident id whose check character fits (GB 11643-1999, mod 11-2)."""
    total = " + ".join(f"(ascii(substr(n, {i}, 1)) - 48) * {w}" for i, w in enumerate(RESIDENT_WEIGHTS, start=1))
    runs = f"regexp_extract_all({quoted(column)}, '[1-9][0-9]{{5}}(?:19|20)[0-9]{{9}}[0-9Xx]')"
    fits = f"upper(substr(n, 18, 1)) = substr('{RESIDENT_CHECKS}', ({total}) % 11 + 1, 1)"
    return f"case when {LONG_NUMBER.format(quoted(column))} then len(list_filter({runs}, lambda n: {fits})) > 0 end"


def text_rules(texts: tuple[str, ...], words: tuple[str, ...]) -> list[Rule]:
    """No identifier in what people wrote (`texts`), no e-mail address in any other column of words (`words`)."""
    found = []
    if texts or words:
        found.append(holds("no e-mail address in any text", f"not ({_found((*texts, *words), EMAIL, AT_SIGN)})"))
    if texts:
        found += [
            holds("no phone number in any text", f"not ({_found(texts, '|'.join(PHONES), LONG_NUMBER)})"),
            holds("no card number in any text", f"not ({_any(_card(c) for c in texts)})"),
            holds("no resident id in any text", f"not ({_any(_resident(c) for c in texts)})"),
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
        + [f"coalesce(regexp_full_match(subject_key, '{HASHED}'), true)"]
    )
    bands = [
        shaped(f"{f.name}_band", r"^\d{1,3}-\d{1,3}$", f"{f.name} stands as a band")
        for f in record.fields
        if f.generalise == "age_band"
    ]
    return (
        holds("keys are keyed hashes", hashed),
        *text_rules(texts, words),
        *bands,
        holds("an end of keeping is set", "retain_until is not null", severity="warning"),
    )


def _hashed(field: Field) -> str:
    column = quoted(str(field.protected_name))
    if field.type == "strings":
        return f"list_bool_and(list_transform({column}, lambda k: regexp_full_match(k, '{HASHED}')))"
    return f"regexp_full_match({column}, '{HASHED}')"


def row_level_columns() -> tuple[str, ...]:
    """Columns that tell a single person, record, member of staff or text: never published."""
    own = {
        name
        for record in KINDS.values()
        for f in record.fields
        if (name := f.protected_name) and f.privacy in (Privacy.RECORD_KEY, Privacy.IDENTIFIER, Privacy.TEXT)
    }
    technical = {f.name for f in LINEAGE} - {"subject_basis", "source", "load_id", "loaded_at"}
    return tuple(sorted(own | technical | {"current_subject_key"}))


def mart_rules(columns: dict[str, str]) -> tuple[Rule, ...]:
    """The privacy suite of a published mart; columns: name to DuckDB type."""
    words = tuple(c for c, t in columns.items() if t == "VARCHAR")
    return (
        Rule(
            "no column tells a single person, record, member of staff or text",
            gxe.ExpectColumnValuesToNotBeInSet(column="column_name", value_set=list(row_level_columns())),
            evidence=f"select column_name from (describe {BATCH})",
        ),
        *text_rules(words, ()),
    )
