"""Identifiers that stand where none may: every column of words of lake, warehouse and served files, by rules and vault.

Keep out: redaction itself, and the search for planted persons (canary.py).
"""

from contextlib import suppress
from pathlib import Path

import duckdb

from orchestration.engine import identifier, literal
from orchestration.home import Home
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS

# E-mail addresses, and mobile or card numbers, as they would stand in a text that was not redacted.
RESIDUE = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}|(?:^|[^0-9])(?:\+?86)?1[3-9][0-9]{9}(?:[^0-9]|$)"
# A number as the vault may know it: with its country.
INTERNATIONAL = r"(?:\+|\b00)[1-9][0-9 ().-]{6,18}[0-9]"
HASHED = ("_key", "_keys", "_hash", "_ref", "_id")  # columns of hashes and of the house's own numbers


def identifiers_left(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring) -> tuple[int, int, str]:
    """Rows read, rows that show an e-mail address or a number of somebody's, and in how many columns was looked.

    Needs the lake on `con`, and the vault where there is one; warehouse and served files are read as they are now.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE _numbers (number VARCHAR)")
    rows = hits = 0
    looked: dict[str, int] = {}
    for kind, record in KINDS.items():
        words = [f.name for f in record.protected_schema if str(f.type) == "string" and not f.name.endswith(HASHED)]
        rows, hits = _add((rows, hits), _search(con, f"lake.{identifier(kind)}", words))
        looked["lake"] = looked.get("lake", 0) + len(words)
    for name, path, key in (
        ("warehouse", home.warehouse, keyring.hex("warehouse")),
        ("restricted file", home.serving / "team.duckdb", keyring.hex("team")),
        ("published file", home.serving / "kpi.duckdb", ""),
    ):
        if _attached(con, path, key):
            tables = con.execute(
                "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns() JOIN duckdb_tables() "
                "USING (database_name, schema_name, table_name) WHERE database_name = 'searched' "
                "AND data_type = 'VARCHAR' GROUP BY ALL ORDER BY ALL"
            ).fetchall()
            for schema, table, columns in tables:
                words = [c for c in columns if not c.endswith(HASHED)]
                found = _search(con, f"searched.{identifier(schema)}.{identifier(table)}", words)
                rows, hits = _add((rows, hits), found)
                looked[name] = looked.get(name, 0) + len(words)
            con.execute("DETACH searched")
    hits += _known(con)
    where = "; ".join(f"{name} {n}" for name, n in looked.items())
    return rows, hits, f"rows that show an e-mail address or a telephone number, by columns of words in: {where}"


def _search(con: duckdb.DuckDBPyConnection, relation: str, words: list[str]) -> tuple[int, int]:
    """Rows of a relation, and how many of them the rules hit; numbers with their country are kept for the vault."""
    if not words:
        return 0, 0
    hit = " OR ".join(f"regexp_matches({identifier(w)}, {literal(RESIDUE)})" for w in words)
    row = con.execute(f"SELECT count(*), count(*) FILTER ({hit}) FROM {relation}").fetchone()
    numbers = ", ".join(f"regexp_extract_all({identifier(w)}, {literal(INTERNATIONAL)})" for w in words)
    some = " OR ".join(f"contains({identifier(w)}, '+') OR contains({identifier(w)}, '00')" for w in words)
    con.execute(f"INSERT INTO _numbers SELECT DISTINCT unnest(flatten([{numbers}])) FROM {relation} WHERE {some}")
    return (int(row[0]), int(row[1])) if row else (0, 0)


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


def _attached(con: duckdb.DuckDBPyConnection, path: Path, key: str) -> bool:
    """Whether a file could be attached as `searched`; one that a death left half-made is made anew by the next build."""
    if not path.exists():
        return False
    how = f", ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM'" if key else ""
    try:
        con.execute(f"ATTACH {literal(str(path))} AS searched (READ_ONLY{how})")
    except duckdb.Error:
        return False
    return True


def _add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] + b[0], a[1] + b[1]
