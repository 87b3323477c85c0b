"""Check C4: every column that a store has, by its name, is one that a record contract or a model's contract describes.

Keep out: what stands in the columns (residue.py), and the batch that the gate refuses for one (conform.py).

Rows of lake and quarantine have the columns of their kind, behind the gate; models of rows those of every kind, and
what is made of versions; marts, and what is served of them, what dbt_project describes. A column that a later release
drops is named in FORMER as long as homes may hold it.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import duckdb
import yaml

from orchestration.engine import literal
from orchestration.lake.quarantine import batches
from orchestration.lake.store import SUBJECT_COLUMNS, SUBJECTS_FILE, Lake, parquet_sql
from orchestration.privacy.evidence import ROOT
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS

Counted = tuple[int, int]  # columns, and those that nothing describes
MODELS = ROOT / "dbt_project" / "models"
DESCRIBED_IN = ("marts/core/_core.yml", "marts/kpis/_kpis.yml", "staging/_sources.yml")
HISTORY_KEY = "published"
DESCRIBED = ("core", "kpis", "main")  # schemas of marts, and of what is served of them
NOTES = ("built", "subjects_then")  # of the warehouse: what the house notes of its last build
# What staging makes of versions and persons beside the columns of the kind.
STAGED = frozenset(
    ("written_subject_key", "written_subject_basis", "current_subject_key", "counted_key", "is_current", "is_deleted")
    + ("withheld_reason", "version_rank", "modelled_in")
)
# What the published history notes beside the columns of figures.
NOTED = frozenset(
    ("cell", "content", "published_at", "profile", "restated_at", "previous_known_at", "more_subjects", "cause")
    + ("n", "subjects", "is_fresh", "removals")
)
FORMER: frozenset[str] = frozenset()


def in_files(con: duckdb.DuckDBPyConnection, lake: Lake, keyring: Keyring) -> Counted:
    """Columns of every file of lake, quarantine and published history; one that does not open counts as one.

    Needs the lake's key on `con`.
    """
    home = lake.home
    con.execute(f"PRAGMA add_parquet_key('{HISTORY_KEY}', '{keyring.base64(HISTORY_KEY)}')")
    files = [(f, _of_kind(kind)) for kind in KINDS for f in lake.parts(kind)]
    waiting = [(home.root / "quarantine" / f"{b['batch']}.parquet", b["part"]["kind"]) for b in batches(home)]
    files += [(f, _of_kind(kind)) for f, kind in waiting]
    files.append((home.lake / SUBJECTS_FILE, frozenset(SUBJECT_COLUMNS)))
    found = [_counted(con, parquet_sql([f]), known) for f, known in files if f.exists()]
    for part in home.folder("published").glob("*.parquet"):
        read = f"read_parquet({literal(str(part))}, encryption_config={{footer_key: '{HISTORY_KEY}'}})"
        found.append(_counted(con, read, described()["kpi_values"] | NOTED))
    return _sum(found)


def in_database(con: duckdb.DuckDBPyConnection, path: Path, key: str = "") -> Counted:
    """Columns of the warehouse, or of a served file; one that does not open counts as one, where there is no file none.

    Seeds and what stands between staging and marts are not described: there a name that no column behind the gate may
    have counts.
    """
    if not path.exists():
        return 0, 0
    how = f", ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM'" if key else ""
    try:
        con.execute(f"ATTACH {literal(str(path))} AS classified (READ_ONLY{how})")
    except duckdb.Error:
        return 1, 1
    try:
        tables = con.execute(
            "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns() "
            "WHERE database_name = 'classified' AND NOT internal GROUP BY ALL"
        ).fetchall()
    finally:
        con.execute("DETACH classified")
    return _sum((len(columns), len(_unknown(schema, table, columns))) for schema, table, columns in tables)


def told(*found: Counted) -> tuple[int, int, str]:
    """What C4 says of columns that were counted here and there."""
    return *_sum(found), "columns of the stores; those that no record contract and no model's contract describes"


@cache
def described() -> dict[str, frozenset[str]]:
    """Columns by table, of the marts and of what publication writes beside them, as dbt_project describes them."""
    found: dict[str, frozenset[str]] = {}
    for name in DESCRIBED_IN:
        content = yaml.load(
            (MODELS / name).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        tables = [*content.get("models", ()), *(t for s in content.get("sources", ()) for t in s["tables"])]
        found |= {t["name"]: frozenset(c["name"] for c in t["columns"]) for t in tables if "columns" in t}
    return found


@cache
def _of_kind(kind: str) -> frozenset[str]:
    return frozenset(KINDS[kind].protected_schema.names) | FORMER


@cache
def _outside() -> frozenset[str]:
    """Names of fields that stay before the gate, or come behind it under another name."""
    behind = frozenset[str]().union(*map(_of_kind, KINDS))
    return frozenset(f.name for record in KINDS.values() for f in record.fields) - behind


def _unknown(schema: str, table: str, columns: Iterable[str]) -> set[str]:
    if schema == "staging":
        return set(columns) - STAGED.union(*map(_of_kind, KINDS))
    if schema in DESCRIBED and table not in NOTES:
        return set(columns) - described().get(table, frozenset()) - FORMER
    return set(columns) & _outside()


def _counted(con: duckdb.DuckDBPyConnection, relation: str, known: frozenset[str]) -> Counted:
    try:
        columns = {str(row[0]) for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    except duckdb.Error:
        return 1, 1
    return len(columns), len(columns - known - FORMER)


def _sum(found: Iterable[Counted]) -> Counted:
    listed = list(found)
    return sum(n for n, _ in listed), sum(bad for _, bad in listed)
