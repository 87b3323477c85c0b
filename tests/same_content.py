"""Whether two homes hold the same rows, though each made its pseudonyms with keys of its own.

Keep out: two warehouses of one home, whose pseudonyms are equal (tests/protected_lake.py).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration import pipeline
from orchestration.engine import connect, identifier
from orchestration.home import Home
from orchestration.lake.store import Lake
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS

# Told by the clock of a run, or by how many builds there were; of merges since when they are known, too.
LEFT_OUT = ("loaded_at", "known_at", "modelled_in")
LEFT_OUT_OF = {"_subjects": ("valid_from",), "_sources": ("extracted_at",)}
# Made with a home's keys or drawn at random: equal only up to renaming.
DRAWN = ("_key", "load", "load_id", "consent_ref", "content_hash")
# Relations of the lake beside its kinds that a load brings.
TECHNICAL = ("_subjects", "_ledger", "_sources")
# Sums of floats depend on the order in which threads meet the rows; a spread near nought is a root of last bits.
DIGITS = 6


@dataclass(frozen=True)
class Table:
    """Names of columns, and the rows in any order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


Tables = dict[str, Table]


def lake(home: Home, keyring: Keyring) -> Tables:
    """All that models read of a committed lake and that has rows: kinds, merges of subjects, ledger, sources."""
    con = connect(home.temp)
    try:
        Lake(home, keyring.base64("lake")).register(con)
        found = {name: read(con, "lake", name) for name in (*KINDS, *TECHNICAL)}
    finally:
        con.close()
    return {name: table for name, table in found.items() if table.rows}


def marts(home: Home, keyring: Keyring) -> Tables:
    """Every fact, dimension and mart."""
    con = pipeline.open_warehouse(home, keyring)
    try:
        names = con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'wh' "
            "AND schema_name IN ('core', 'kpis')"
        ).fetchall()
        return {f"{s}.{t}": read(con, f"wh.{identifier(s)}", t) for s, t in names}
    finally:
        con.close()


def differences(here: Tables, there: Tables) -> dict[str, int]:
    """Tables that are not equal whatever pseudonyms are called, with how many rows one side alone has."""
    ours, theirs = _renamed(here), _renamed(there)
    found = {}
    for name in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(name, Counter()), theirs.get(name, Counter())
        if a != b or (name in ours) != (name in theirs):
            found[name] = max((a - b).total(), (b - a).total())
    return found


def read(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> Table:
    """A table without what no two runs tell alike."""
    result = con.execute(f"FROM {schema}.{identifier(name)}")
    names = [column[0] for column in result.description]
    left_out = (*LEFT_OUT, *LEFT_OUT_OF.get(name, ()))
    kept = [i for i, column in enumerate(names) if column not in left_out]
    return Table(tuple(names[i] for i in kept), [tuple(plain(row[i]) for i in kept) for row in result.fetchall()])


def plain(value: Any) -> Any:
    """A value without its last bits, in a form that can be counted."""
    if isinstance(value, float):
        return round(value, DIGITS)
    return tuple(value) if isinstance(value, list) else value


def _renamed(tables: Tables) -> dict[str, Counter[tuple[Any, ...]]]:
    """Rows with each pseudonym called by where it stands: by the rows that hold it, and the pseudonyms beside it there.

    Names are refined until those of neighbours' neighbours are in them, so that rows that are equal but for their
    pseudonyms need no order.
    """
    names: dict[Any, int] = {}
    for _ in range(4):
        places: defaultdict[Any, list[int]] = defaultdict(list)
        for table, content in tables.items():
            for row in content.rows:
                seen = hash(_row(content, row, names))
                for column, value in zip(content.columns, row, strict=True):
                    if column.endswith(DRAWN) and value is not None:
                        places[value].append(hash((table, column, names.get(value, 0), seen)))
        names = {value: hash(tuple(sorted(found))) for value, found in places.items()}
    return {table: Counter(_row(content, row, names) for row in content.rows) for table, content in tables.items()}


def _row(table: Table, row: tuple[Any, ...], names: Mapping[Any, int]) -> tuple[Any, ...]:
    return tuple(
        names.get(value, 0) if column.endswith(DRAWN) and value is not None else value
        for column, value in zip(table.columns, row, strict=True)
    )
