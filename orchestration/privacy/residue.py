"""Identifiers that stand where none may: every column of words of lake, warehouse and served files, by rules and vault.

Texts are read by every rule as the gate reads them; what it left is a fixed point of them, so none may find anything.
Keep out: redaction itself, and the search for planted persons (canary.py).
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from orchestration.engine import identifier, literal
from orchestration.home import Home
from orchestration.lake.store import duckdb_type
from orchestration.privacy import names_left
from orchestration.privacy.keys import Keyring
from orchestration.privacy.plain_sight import RESIDUE, has_email
from orchestration.privacy.redaction import normal_form, rules_chain
from orchestration.privacy.row_level import could_hold_text
from orchestration.privacy.rules import all_rules
from orchestration.privacy.words import PLACES, codes, judged, named
from orchestration.records import KINDS, Privacy

# A number as the vault may know it: with its country.
INTERNATIONAL = r"(?:\+|\b00)[1-9][0-9 ().-]{6,18}[0-9]"
BUILT = "main.built"  # of the warehouse: what the house notes of its last build: names and hashes, in which eleven digits may meet by chance
# Columns of keyed hashes and of the house's own numbers, by the contracts and, made of those, by the models.
HASHES = frozenset(
    [str(f.protected_name) for r in KINDS.values() for f in r.fields if f.privacy is Privacy.RECORD_KEY]
    + ["agent_key", "subject_key", "unproved_key", "consent_ref", "content_hash", "load_id"]
    + ["current_subject_key", "written_subject_key", "counted_key", "record_key", "feedback_key"]
)
WORDS = "VARCHAR|JSON|BLOB|ENUM"  # types that may hold words, lists and structures of them, too


def identifiers_left(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, candidate: Path
) -> tuple[int, int, str]:
    """Rows read, what in them shows somebody, and in how many columns was looked.

    Every row of lake, warehouse, candidate.
    `candidate` is the closed file that is about to be served. Needs the lake on `con`, and the vault where there is
    one. The restricted file is copied from the warehouse after.
    """
    found = _Search(con)
    columns = {}
    for kind, record in KINDS.items():
        types = {f.name: duckdb_type(f.type) for f in record.protected_schema}
        columns[kind] = [w for w, type in types.items() if type == "VARCHAR" and could_hold_text(w)]
        found.look("lake", f"lake.{identifier(kind)}", {w: t for w, t in types.items() if re.search(WORDS, t)})
    found.look_into("warehouse", home.warehouse, keyring.hex("warehouse"), but=BUILT)
    found.look_into("published file", candidate)
    has_vault = con.execute("SELECT count(*) FROM duckdb_databases() WHERE database_name = 'vault'").fetchone() == (1,)
    return found.told(names_left.find(con, home, found.texts(), columns) if has_vault else None)


def identifiers_shown(con: duckdb.DuckDBPyConnection, served: Path) -> tuple[int, int, str]:
    """The same of one published file alone."""
    found = _Search(con)
    found.look_into("published file", served)
    return found.told()


class _Search:
    """What was looked at on one connection, and what was found."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self._con = con
        self._rows = self._texts = 0
        self._columns: dict[str, int] = {}
        self._closed: list[str] = []
        con.execute("CREATE OR REPLACE TEMP TABLE _numbers (number VARCHAR)")
        con.execute("CREATE OR REPLACE TEMP TABLE _texts (t VARCHAR)")
        con.execute("CREATE OR REPLACE TEMP TABLE _others (word VARCHAR)")
        con.execute("CREATE OR REPLACE TEMP TABLE _codes (word VARCHAR)")
        con.execute("CREATE OR REPLACE TEMP TABLE _named (word VARCHAR)")
        con.execute("CREATE OR REPLACE TEMP TABLE _regions (word VARCHAR)")

    def look_into(self, store: str, path: Path, key: str = "", but: str = "") -> None:
        """Every column of words of every table of a file, `but` one; a file that is there and does not open is told."""
        if not path.exists():
            return
        if not _attached(self._con, path, key):
            self._closed.append(store)
            return
        tables = self._con.execute(
            "SELECT schema_name, table_name, map(list(column_name), list(data_type)) FROM duckdb_columns() "
            "JOIN duckdb_tables() USING (database_name, schema_name, table_name) WHERE database_name = 'searched' "
            f"AND regexp_matches(data_type, '{WORDS}') AND schema_name || '.' || table_name <> '{but}' "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for schema, table, columns in tables:
            self.look(store, f"searched.{identifier(schema)}.{identifier(table)}", columns)
        self._con.execute("DETACH searched")

    def look(self, store: str, relation: str, columns: Mapping[str, str]) -> None:
        """Every value of columns of words (name: type) is kept once, texts and codes apart, and so are numbers."""
        words = {c: _as_text(c, type) for c, type in columns.items() if c not in HASHES}
        if not words:
            return
        self._columns[store] = self._columns.get(store, 0) + len(words)
        texts = [w for w in words if could_hold_text(w)]
        self._texts += len(texts)
        row = self._con.execute(f"SELECT count(*) FROM {relation}").fetchone() or (0,)
        self._rows += row[0]
        of_gate = {w: "_regions" if w in PLACES else "_named" for w in words if w in named()}
        of_gate |= {w: "_codes" for w in words if w in codes()}
        kept = {w: "_texts" if w in texts else of_gate.get(w, "_others") for w in words}
        for table in dict.fromkeys(kept.values()):
            listed = ", ".join(words[w] for w in words if kept[w] == table)
            self._con.execute(f"INSERT INTO {table} SELECT DISTINCT unnest([{listed}]) FROM {relation}")
        told = [words[w] for w in words if kept[w] != "_codes"]
        if told:
            numbers = ", ".join(f"regexp_extract_all({w}, {literal(INTERNATIONAL)})" for w in told)
            some = " OR ".join(f"contains({w}, '+') OR contains({w}, '00')" for w in told)
            self._con.execute(
                f"INSERT INTO _numbers SELECT DISTINCT unnest(flatten([{numbers}])) FROM {relation} WHERE {some}"
            )

    def texts(self) -> str:
        """The name of a table of every text (t), once."""
        self._con.execute("CREATE OR REPLACE TEMP TABLE _texts AS SELECT DISTINCT t FROM _texts WHERE t IS NOT NULL")
        return "_texts"

    def told(self, names: names_left.Named | None = None) -> tuple[int, int, str]:
        """Rows read, hits, and the sentence that says where was looked, and how; `names`: what names_left.py found."""
        normal = f"(SELECT t, t AS given FROM {normal_form(f'(SELECT t FROM {self.texts()})')})"
        row = self._con.execute(
            f"SELECT count(*) FILTER (t <> given) FROM {rules_chain(normal, all_rules())}"
        ).fetchone()
        every = "SELECT word FROM _others UNION SELECT word FROM _named UNION SELECT word FROM _regions"
        shown = (
            f"SELECT word FROM ({every}) WHERE regexp_matches(word, {literal(RESIDUE)}) "
            f"UNION SELECT word FROM _codes WHERE {has_email('word')} "
            f"UNION {judged('SELECT DISTINCT word FROM _named')} "
            f"UNION {judged('SELECT DISTINCT word FROM _regions', is_place=True)}"
        )
        found = self._con.execute(f"SELECT count(*) FROM ({shown})").fetchone()
        hits = (found[0] if found else 0) + (row[0] if row else 0) + _known(self._con) + len(self._closed)
        read = [f"{name} {n}" for name, n in self._columns.items()]
        where = "; ".join(read + [f"{name} does not open" for name in self._closed])
        told = "rows; what in them shows an e-mail address or a telephone number, in columns of words also a card, account or identity number, in {} columns of texts whatever a rule masks"
        told = told.format(self._texts)
        if names:
            hits += names.known
            told += (
                f" or, of {names.persons} names and {names.staff} of staff in rows that name them, one that the vault knew "
                f"when the text came (texts with one that it learnt since, a residue as other third persons' names are: {names.later}; names of a form that is not looked for: {names.unsought})"
            )
        return self._rows, hits, f"{told}, by columns of words in: {where}"


def _known(con: duckdb.DuckDBPyConnection) -> int:
    """How many of the numbers found are somebody's, by the vault's blind index."""
    with suppress(duckdb.CatalogException):  # no vault yet, so nobody whose number it could be
        row = con.execute(
            "SELECT count(*) FROM (SELECT DISTINCT '+' || ltrim(regexp_replace(number, '[^0-9]', '', 'g'), '0') AS n "
            "FROM _numbers) WHERE hmac_blind_index('phone' || chr(31) || n) "
            "IN (SELECT index_hash FROM vault.identity WHERE domain = 'phone')"
        ).fetchone()
        return int(row[0]) if row else 0
    return 0


def _as_text(column: str, type: str) -> str:
    """SQL: what a column holds, as one text; entries of a list a line each."""
    if type == "VARCHAR":
        return identifier(column)
    lines = f"array_to_string({identifier(column)}, chr(10))"
    return lines if type == "VARCHAR[]" else f"CAST({identifier(column)} AS VARCHAR)"


def _attached(con: duckdb.DuckDBPyConnection, path: Path, key: str) -> bool:
    """Whether a file could be attached as `searched`."""
    how = f", ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM'" if key else ""
    try:
        con.execute(f"ATTACH {literal(str(path))} AS searched (READ_ONLY{how})")
    except duckdb.Error:
        return False
    return True
