"""Columns of a few words (category, team, region, …): values that show somebody, because a source put one there.

Keep out: texts, which are redacted (redaction.py).
A word that shows somebody is nothing to redact: its row is refused, with the column as the reason. So only what surely
is an identifier counts: a code of the house that looks like a number of somebody must not cost a row. Codes (…_id) and
the house's own words (stores, products) are asked for nothing but what the audit would stop their whole batch for.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache

import duckdb

from orchestration.engine import literal
from orchestration.privacy import plain_sight
from orchestration.privacy.linked import ordinary_words
from orchestration.privacy.normalise import NOBODY
from orchestration.privacy.redaction import normal_form, rules_chain
from orchestration.privacy.rules import all_rules
from orchestration.privacy.rules.name_zh import DOUBLE_SURNAMES, MORE_SURNAMES, SURNAMES
from orchestration.privacy.rules.rule import HAN, LATIN
from orchestration.records import KINDS, Field, Privacy, Record

RULES = ("card", "email", "iban", "phone_zh", "resident_id", "ssn")
STREETS = ("address_en", "address_zh")  # in a region alone: a feature, a course, a choice may be called like a street
PLACES = ("region",)
# Telephone numbers with their country, whatever stands before a `+`; national shapes are those of codes and ranges too.
DIGITS = r"[1-9](?:[ ().\-/]{0,3}[0-9])"
INTERNATIONAL = rf"\+{DIGITS}{{7,14}}(?:$|[^0-9])|(?:^|[^0-9A-Za-z])00{DIGITS}{{7,13}}(?:$|[^0-9])"
ARTICLE = "[0-9]{8}|[0-9]{12,14}"  # a GTIN (EAN, UPC) may pass the check of a card
# What every rule needs: a digit, a numeral, a sign of an address of e-mail however it is written, a number of a house.
HINT = r"(?i)[@＠&%\p{N}零〇一二三四五六七八九十百幺两号號栋幢座室]|\bat\b|\(at\)|\[at\]"
# Whom a name tells: a surname and one or two signs, or two words of letters.
NAME = rf"(?:{DOUBLE_SURNAMES}|[{SURNAMES}{MORE_SURNAMES}])[{HAN}]{{1,2}}|[{LATIN}][{LATIN}'’.\-]+(?: [{LATIN}][{LATIN}'’.\-]+)+"


def columns(record: Record) -> tuple[str, ...]:
    """Fields of a kind with persons in which the source's own words stand.

    No closed vocabulary, no number or code that it gives (…_id).
    """
    return tuple(f.name for f in record.fields if record.has_person and _holds_words(f) and not f.name.endswith("_id"))


@cache
def named() -> frozenset[str]:
    """Every such column, by the name under which the lake and what is made of it has it."""
    return frozenset(str(r.field(c).protected_name) for r in KINDS.values() for c in columns(r))


@cache
def codes() -> frozenset[str]:
    """Every column of codes of the house (…_id), which are asked for an e-mail address alone: they may be numbers."""
    return frozenset(c for r in KINDS.values() for c in _others(r) if c.endswith("_id"))


@cache
def version() -> str:
    """A short hash of everything that decides which rows are refused for a word."""
    parts = [judged("words"), judged("words", is_place=True), NAME, HINT, plain_sight.shows("word"), *sorted(named())]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def judged(relation: str, is_place: bool = False) -> str:
    """A query (word) of those words of a query (word) that show an identifier; of places a street with a number too."""
    told = f"(SELECT word AS t, word AS given FROM ({relation}) WHERE regexp_matches(word, {literal(HINT)}))"
    normal = f"(SELECT given, t, t AS before FROM {normal_form(told)})"
    rules = [r for r in all_rules() if r.name in (*RULES, *(STREETS if is_place else ()))]
    return (
        f"SELECT given AS word FROM {rules_chain(normal, rules)} "
        f"WHERE (t <> before OR regexp_matches(before, {literal(INTERNATIONAL)})) "
        f"AND NOT regexp_full_match(trim(before), {literal(ARTICLE)}) OR {plain_sight.shows('given')}"
    )


def find(con: duckdb.DuckDBPyConnection, record: Record, values: Mapping[str, str]) -> dict[str, str]:
    """SQL conditions under which a row of `_batch` (alias c) shows somebody in a column of words, by the field's name.

    Only of fields that show somebody in some row: words repeat, few do. `values`: SQL of what is kept of each field.
    Makes temp tables `_telling` and `_own_names` (field, word). Needs `_agents` (names): a name of staff shows them in
    whatever row about a person it stands.
    """
    people, others = columns(record), _others(record)
    con.execute("CREATE OR REPLACE TEMP TABLE _telling (field VARCHAR, word VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE _own_names (field VARCHAR, word VARCHAR)")
    if not people and not others:
        return {}
    told = " UNION ALL ".join(_distinct(c, values[c], f"{values[c]} IS NOT NULL") for c in (*people, *others))
    con.execute(f"CREATE OR REPLACE TEMP TABLE _words AS {told}")
    for some, is_place in (
        ([c for c in people if c not in PLACES], False),
        ([c for c in people if c in PLACES], True),
    ):
        hinted = f"SELECT word FROM _words WHERE field IN {_listed(some)} AND regexp_matches(word, {literal(HINT)})"
        if some and con.execute(f"{hinted} LIMIT 1").fetchone():
            shown = f"word IN ({judged(f'SELECT DISTINCT word FROM ({hinted})', is_place)})"
            con.execute(f"INSERT INTO _telling FROM _words WHERE field IN {_listed(some)} AND {shown}")
    for some, shown in (
        ([c for c in others if c.endswith("_id")], plain_sight.has_email("word")),
        ([c for c in others if not c.endswith("_id")], plain_sight.shows("word")),
    ):
        if some:
            con.execute(f"INSERT INTO _telling FROM _words WHERE field IN {_listed(some)} AND {shown}")
    if people:
        staff = "SELECT lower(trim(unnest(names))) FROM _agents"
        con.execute(
            f"INSERT INTO _telling FROM _words WHERE field IN {_listed(people)} "
            f"AND lower(trim(word)) IN ({staff}) AND {_is_name('word')}"
        )
        named = " UNION ALL ".join(_distinct(c, values[c], _is_own_name(values[c])) for c in people)
        con.execute(f"INSERT INTO _own_names FROM ({named}) WHERE {_is_name('word')}")
    con.execute("DROP TABLE _words")
    telling = con.execute(
        "SELECT field, bool_or(own) FROM (SELECT field, false AS own FROM _telling UNION ALL "
        "SELECT field, true FROM _own_names) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return {field: _shows(field, values[field], own) for field, own in telling}


def _distinct(field: str, value: str, condition: str) -> str:
    return f"SELECT DISTINCT {literal(field)} AS field, {value} AS word FROM _batch c WHERE {condition}"


def _listed(fields: Iterable[str]) -> str:
    return f"({', '.join(map(literal, fields))})"


def _others(record: Record) -> tuple[str, ...]:
    """The other fields in which words stand: codes, and all words of kinds about no person."""
    return tuple(f.name for f in record.fields if _holds_words(f) and f.name not in columns(record))


def _holds_words(f: Field) -> bool:
    is_kept = f.privacy in (Privacy.PLAIN, Privacy.QUASI) and bool(f.protected_name)
    return is_kept and f.type == "string" and not f.values


def _shows(field: str, value: str, own: bool) -> str:
    """SQL: a word shows an identifier (in codes an e-mail address alone), or is the name of the row's own person."""
    telling, names = (f"(SELECT word FROM {t} WHERE field = {literal(field)})" for t in ("_telling", "_own_names"))
    shown = f"{value} IN {telling}"
    return f"({shown} OR ({value} IN {names} AND {_is_own_name(value)}))" if own else f"({shown})"


def _is_own_name(value: str) -> str:
    return f"lower(trim({value})) = lower(trim(c.person_name))"


def _is_name(word: str) -> str:
    """SQL: of the form of a name, and nobody's nor an ordinary word."""
    return (
        f"regexp_full_match(trim({word}), {literal(NAME)}) AND lower(trim({word})) NOT IN {_listed(NOBODY)} "
        f"AND NOT list_contains({ordinary_words()}, lower(trim({word})))"
    )
