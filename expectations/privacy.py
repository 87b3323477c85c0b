"""The privacy suite: what no row may carry, on entering the lake and on leaving for readers.

Keep out: redaction itself, and what an identifier in plain sight is (orchestration/privacy). In texts this is a second
pair of eyes on what the gate gave: narrower than its rules, so that what it finds was never redacted at all; in words
the gate asks the same. Text becomes true or false inside DuckDB, so none reaches a frame, a result or a log.
"""

import re
from collections.abc import Iterable

from great_expectations import expectations as gxe

from expectations.rules import BATCH, Rule, holds, quoted, shaped
from orchestration.privacy import plain_sight
from orchestration.privacy.marks import MARK
from orchestration.privacy.row_level import row_level_columns
from orchestration.records import Field, Privacy, Record

HASHED = "[0-9a-f]{64}"  # HMAC-SHA256 in hexadecimal


def _side_by_side(columns: Iterable[str]) -> str:
    """SQL: several columns as one text, so far apart that no pattern reaches from one into the other.

    What has to stand alone has four characters on either side to itself.
    """
    named = [quoted(c) for c in columns]
    return named[0] if len(named) == 1 else f"concat_ws(repeat(chr(10), 8), {', '.join(named)})"


def text_rules(texts: tuple[str, ...], words: tuple[str, ...]) -> list[Rule]:
    """No identifier in what people wrote (`texts`) or in columns of words; in codes (`…_id`) no e-mail address."""
    found = []
    if texts or words:
        every = _side_by_side((*texts, *words))
        found.append(holds("no e-mail address in any text", f"not {plain_sight.has_email(every)}"))
    if names := (*texts, *(w for w in words if not w.endswith("_id"))):
        read = _side_by_side(names)
        found += [
            holds("no phone number in any text", f"not {plain_sight.has_phone(read)}"),
            holds("no card number in any text", f"not {plain_sight.has_card(read)}"),
            holds("no resident id in any text", f"not {plain_sight.has_resident_id(read)}"),
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
    pattern = "|".join(map(re.escape, planted)).replace("'", "''")
    found = f"coalesce(regexp_matches({_side_by_side(words)}, '{pattern}', 'i'), false)"
    return [holds("no planted identity in any text", f"not ({found})")]


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
