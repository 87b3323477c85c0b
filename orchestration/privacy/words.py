"""Columns of a few words (category, team, region, …): values that show somebody, because a source put one there.

Keep out: texts, which are redacted (redaction.py). A word that shows somebody is nothing to redact: its row is refused,
with the column as the reason.
"""

from collections.abc import Mapping

import duckdb

from orchestration.engine import literal
from orchestration.privacy.normalise import NOBODY
from orchestration.privacy.redaction import normal_form, rules_chain
from orchestration.privacy.rules import all_rules
from orchestration.records import Privacy, Record

# Rules that find next to nothing else in a word; a version of an app looks like an IP address.
RULES = ("address_en", "address_zh", "card", "email", "iban", "phone_world", "phone_zh", "resident_id", "ssn")
OWN = ("person_name", "person_email", "person_phone", "person_handle", "person_address")
# What no rule could read: neither @ nor a digit nor the number of a house.
HINT = r"[@＠\p{N}号號]"


def columns(record: Record) -> tuple[str, ...]:
    """Fields in which words of the source's own stand: no closed vocabulary, no number or code that it gives (…_id)."""
    return tuple(
        f.name
        for f in record.fields
        if f.privacy in (Privacy.PLAIN, Privacy.QUASI)
        and f.type == "string"
        and f.protected_name
        and not f.values
        and not f.name.endswith("_id")
    )


def judged(relation: str) -> str:
    """A query (word) of those words of a query (word) that show an identifier."""
    told = f"(SELECT word AS t, word AS given FROM ({relation}) WHERE regexp_matches(word, '{HINT}'))"
    normal = f"(SELECT given, t, t AS before FROM {normal_form(told)})"
    rules = [r for r in all_rules() if r.name in RULES]
    return f"SELECT given AS word FROM {rules_chain(normal, rules)} WHERE t <> before"


def find(con: duckdb.DuckDBPyConnection, record: Record, values: Mapping[str, str]) -> dict[str, str]:
    """SQL conditions under which a row of `_batch` (alias c) shows somebody in a column of words, by the field's name.

    `values`: SQL of what is kept of each field. Makes temp table `_telling` (word).
    """
    words = {name: values[name] for name in columns(record)}
    if not words:
        return {}
    told = " UNION ".join(f"SELECT {value} AS word FROM _batch c" for value in words.values())
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _words AS SELECT word FROM ({told}) WHERE regexp_matches(word, '{HINT}')"
    )
    row = con.execute("SELECT count(*) FROM _words").fetchone()
    con.execute("CREATE OR REPLACE TEMP TABLE _telling (word VARCHAR)")
    if row and row[0]:
        con.execute(f"INSERT INTO _telling {judged('FROM _words')}")
    own = ", ".join(f"lower(trim(c.{name}))" for name in OWN)
    nobody = ", ".join(map(literal, NOBODY))
    is_own = (
        f"(lower(trim({{0}})) IN ({own}) AND lower(trim({{0}})) NOT IN ({nobody}))" if record.has_person else "false"
    )
    return {name: f"({value} IN (FROM _telling) OR {is_own.format(value)})" for name, value in words.items()}
