"""Rewriting: files of the lake written anew without some rows, or with other values, under a commit of their own.

Keep out: which rows and why (privacy/erasure.py, privacy/retention.py, privacy/rotation.py). Five operations may call
it; the lake is append-only for everything else. New files come first, then the commit that lets them take the place of
the old, then the old go; run again after a death it does the same once.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import identifier, literal
from orchestration.errors import VoicehouseError
from orchestration.formats import FORMATS, LAKE
from orchestration.home import now, place_durably, write_durably
from orchestration.lake.promote import sweep_orphans
from orchestration.lake.stage import PART_ROWS
from orchestration.lake.store import LAKE_KEY, Lake, shape
from orchestration.records import KINDS

OPERATIONS = ("erasure", "withdrawal", "retention", "rotation", "compaction")
WITHHELD = ("erased", "withdrawn", "consent_under_other_notice", "no_basis", "purpose", "expired")
NEXT_KEY = "lake_next"


@dataclass(frozen=True)
class Change:
    """What becomes of the rows of one kind.

    `gone`: an SQL condition on its protected columns (of row `r`); rows that meet it are left out and stay counted in
    the ledger as withheld, for the reason that `reason` (an SQL expression giving one of WITHHELD) tells.
    `becomes`: new values of columns, as SQL expressions, in the rows left that meet `concerns`.
    `beside`: a join that puts beside each row `r` what the other expressions ask for, one row at most.
    """

    gone: str = "false"
    reason: str = "'expired'"
    becomes: Mapping[str, str] = field(default_factory=dict)
    concerns: str = "false"
    beside: str = ""


def concerned_sql(change: Change) -> tuple[str, str]:
    """SQL conditions on row `r`: it goes; it stays and changes."""
    gone = f"coalesce({change.gone}, false)"
    return gone, f"NOT {gone} AND coalesce({change.concerns}, false)"


def copy(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    kind: str,
    files: Iterable[Path],
    change: Change,
    target: Path,
    key: str = LAKE_KEY,
) -> int:
    """Write the rows of some files as `change` leaves them to one encrypted file; returns how many.

    `key`: its name on `con`.
    """
    gone, changed = concerned_sql(change)
    replaced = ", ".join(
        f"CASE WHEN {changed} THEN {value} ELSE r.{identifier(column)} END AS {identifier(column)}"
        for column, value in change.becomes.items()
    )
    row = con.execute(
        f"COPY (SELECT r.*{f' REPLACE ({replaced})' if replaced else ''} FROM ({lake.read_sql(kind, files)}) AS r {change.beside} "
        f"WHERE NOT {gone}) TO {literal(str(target))} "
        f"(FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{key}'}})"
    ).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True)
class Rewritten:
    """What one rewriting came to. `commit` is None where no row was concerned and nothing was touched."""

    operation: str
    commit: str | None
    files_before: int = 0
    files_after: int = 0
    gone: Mapping[str, int] = field(default_factory=dict)  # rows by kind
    changed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Bundle:
    """Files of one kind and source that become one."""

    kind: str
    source: str
    files: tuple[Path, ...]
    rows: int


def count(con: duckdb.DuckDBPyConnection, lake: Lake, changes: Mapping[str, Change]) -> dict[str, tuple[int, int]]:
    """Rows gone and rows changed by kind, if `changes` were made now: the dry run. Touches nothing."""
    lake.open_key(con)
    found = {}
    for kind, change in changes.items():
        tally = _concerned(con, lake, kind, change)
        if tally:
            found[kind] = (sum(t.gone for t in tally), sum(t.changed for t in tally))
    return found


def rewrite(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    operation: str,
    changes: Mapping[str, Change],
    facts: Mapping[str, Any] | None = None,
    next_key: str | None = None,
    commit: str | None = None,
) -> Rewritten:
    """Rewrite every file that holds a row concerned, under a commit that carries `facts` (names and counts, no values).

    The caller holds the home's lock and writes the audit line. `changes` by kind may name relations that `con` holds.
    `next_key` (base64): write with this lake key, every file of every kind (rotation); `commit` names the commit then.
    Raises VoicehouseError when a rewritten file does not hold the rows it should: nothing is replaced then.
    """
    lake.open_key(con)
    sweep_orphans(lake.home)
    bundles: list[_Bundle] = []
    ledger: list[dict[str, Any]] = []
    gone: dict[str, int] = {}
    changed: dict[str, int] = {}
    for kind in KINDS if next_key else changes:
        tally = _concerned(con, lake, kind, changes.get(kind, Change()), every=next_key is not None)
        for file, source, rows in sorted({(t.file, t.source, t.rows_of_file) for t in tally}):
            left = rows - sum(t.gone for t in tally if t.file == file)
            bundles.append(_Bundle(kind, source, (Path(file),), left))
        ledger += [line for t in tally for line in t.ledger(kind)]
        gone[kind], changed[kind] = sum(t.gone for t in tally), sum(t.changed for t in tally)
    return _write(con, lake, operation, bundles, changes, ledger, gone, changed, facts or {}, next_key, commit)


def compact(con: duckdb.DuckDBPyConnection, lake: Lake, facts: Mapping[str, Any] | None = None) -> Rewritten:
    """Pack small files of a kind and source together, up to PART_ROWS rows each; no row is lost or changed."""
    lake.open_key(con)
    sweep_orphans(lake.home)
    bundles: list[_Bundle] = []
    for kind in KINDS:
        sizes: dict[str, list[tuple[Path, int]]] = {}
        for part in lake.part_entries(kind):
            if part["rows"] < PART_ROWS:
                sizes.setdefault(part["source"], []).append((lake.home.lake / part["path"], part["rows"]))
        for source, files in sorted(sizes.items()):
            bundles += [b for b in _packed(kind, source, files) if len(b.files) > 1]
    return _write(con, lake, "compaction", bundles, {}, [], {}, {}, facts or {}, None, None)


def compactable(lake: Lake) -> int:
    """How many files `compact` would take together, a dry run of it."""
    n = 0
    for kind in KINDS:
        sizes: dict[str, list[tuple[Path, int]]] = {}
        for part in lake.part_entries(kind):
            if part["rows"] < PART_ROWS:
                sizes.setdefault(part["source"], []).append((lake.home.lake / part["path"], part["rows"]))
        n += sum(len(b.files) for s, f in sizes.items() for b in _packed(kind, s, f) if len(b.files) > 1)
    return n


def _packed(kind: str, source: str, files: Sequence[tuple[Path, int]]) -> list[_Bundle]:
    """Files one after another, as many as fit into a part."""
    bundles: list[_Bundle] = []
    waiting: list[Path] = []
    rows = 0
    for path, n in files:
        if waiting and rows + n > PART_ROWS:
            bundles.append(_Bundle(kind, source, tuple(waiting), rows))
            waiting, rows = [], 0
        waiting.append(path)
        rows += n
    return [*bundles, _Bundle(kind, source, tuple(waiting), rows)] if waiting else bundles


@dataclass(frozen=True)
class _Tally:
    """Rows of one load in one file: all of the file, gone, changed; and what the ledger needs of the load."""

    file: str
    source: str
    load_id: str
    loaded_at: str
    rows_of_file: int
    gone: int
    changed: int
    by_reason: Mapping[str, int]

    def ledger(self, kind: str) -> list[dict[str, Any]]:
        of_load = {"load_id": self.load_id, "source": self.source, "loaded_at": self.loaded_at}
        line = {**of_load, "level": "rows", "name": kind, "measure": "withheld"}
        return [{**line, "reason": reason, "n": n} for reason, n in sorted(self.by_reason.items())]


def _concerned(
    con: duckdb.DuckDBPyConnection, lake: Lake, kind: str, change: Change, every: bool = False
) -> list[_Tally]:
    """Per file and load the rows concerned, of files that hold any (of all files where `every`)."""
    files = lake.parts(kind)
    if not files:
        return []
    gone, changed = concerned_sql(change)
    rows = con.execute(
        f"""
        WITH told AS (
            SELECT r.filename AS file, r.source, r.load_id, r.loaded_at, {gone} AS is_gone, {changed} AS is_changed,
                   {change.reason} AS reason
            FROM ({lake.read_sql(kind, files, with_filename=True)}) AS r {change.beside}
        ), by_load AS (
            SELECT file, source, load_id, max(loaded_at) AS loaded_at, count(*) AS n,
                   count(*) FILTER (is_gone) AS gone, count(*) FILTER (is_changed) AS changed,
                   histogram(reason) FILTER (is_gone) AS by_reason
            FROM told GROUP BY file, source, load_id
        )
        SELECT file, source, load_id, loaded_at, sum(n) OVER own, gone, changed, by_reason
        FROM by_load WINDOW own AS (PARTITION BY file)
        QUALIFY {"true" if every else "sum(gone + changed) OVER own > 0"} ORDER BY file, load_id
        """
    ).fetchall()
    return [_Tally(f, s, i, at.isoformat(), int(n), g, c, by or {}) for f, s, i, at, n, g, c, by in rows]


def _write(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    operation: str,
    bundles: Sequence[_Bundle],
    changes: Mapping[str, Change],
    ledger: list[dict[str, Any]],
    gone: Mapping[str, int],
    changed: Mapping[str, int],
    facts: Mapping[str, Any],
    next_key: str | None,
    name: str | None,
) -> Rewritten:
    if operation not in OPERATIONS:
        raise VoicehouseError(f"the lake is rewritten by {', '.join(OPERATIONS)} alone, not by {operation}")
    if not bundles and not next_key:
        return Rewritten(operation, None)
    stem = name or commit_name(operation)
    if next_key:
        con.execute(f"PRAGMA add_parquet_key('{NEXT_KEY}', '{next_key}')")
    parts = []
    for number, bundle in enumerate(bundles):
        if not bundle.rows:
            continue
        folder = lake.home.folder("lake", bundle.kind, f"source={bundle.source}", f"load={stem}")
        target = folder / f"part-{number}.parquet"
        _write_part(con, lake, bundle, changes.get(bundle.kind, Change()), target, NEXT_KEY if next_key else LAKE_KEY)
        parts.append(
            {
                "kind": bundle.kind,
                "source": bundle.source,
                "path": str(target.relative_to(lake.home.lake)),
                "rows": bundle.rows,
                "shape": shape(bundle.kind),
            }
        )
    old = sorted(str(f.relative_to(lake.home.lake)) for b in bundles for f in b.files)
    commit = {
        "format": FORMATS[LAKE],
        "rewrite": stem,
        "operation": operation,
        "at": now().replace(tzinfo=None).isoformat(),
        "facts": facts,
        "replaces": old,
        "parts": parts,
        "ledger": ledger,
    }
    write_durably(lake.home.folder("lake", "_rewrites") / f"{stem}.json", json.dumps(commit, indent=1).encode())
    lake.forget()
    sweep_orphans(lake.home)
    return Rewritten(
        operation,
        stem,
        len(old),
        len(parts),
        {k: n for k, n in gone.items() if n},
        {k: n for k, n in changed.items() if n},
    )


def commit_name(operation: str) -> str:
    """Name of a new rewriting; names sort by time."""
    at = now()
    return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}-{secrets.token_hex(3)}-{operation}"


def _write_part(
    con: duckdb.DuckDBPyConnection, lake: Lake, bundle: _Bundle, change: Change, target: Path, key: str
) -> None:
    """One new file, written beside its place, counted, then put there durably."""
    draft = target.with_name(f".{target.name}.draft")
    left = copy(con, lake, bundle.kind, bundle.files, change, draft, key)
    if left != bundle.rows:
        draft.unlink(missing_ok=True)
        raise VoicehouseError(
            f"a rewritten file of {bundle.kind} does not hold the rows it should: nothing was replaced"
        )
    place_durably(draft, target)
