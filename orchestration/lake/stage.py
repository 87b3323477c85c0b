"""Staging: protected rows of a load as encrypted Parquet parts and a manifest, not yet part of the lake.

Keep out: judging batches (audit.py) and committing them (promote.py).
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import identifier, literal
from orchestration.home import Home, write_durably
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.records import KINDS

PART_ROWS = 250_000


@dataclass
class Part:
    """One batch: (source, load, kind, part)."""

    kind: str
    number: int
    path: str  # relative to the lake
    rows: int


@dataclass
class Manifest:
    """What one load staged, and its ledger so far."""

    load_id: str
    source: str
    loaded_at: str  # ISO 8601, naive UTC
    about: dict[str, Any]
    ledger: list[dict[str, Any]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    replay: int = 0
    vault_generation: int = 0  # of the vault this was made with

    def count(self, level: str, name: str, measure: str, n: int, reason: str | None = None) -> None:
        """Add a ledger line; zero counts are left out."""
        if n:
            self.ledger.append({"level": level, "name": name, "measure": measure, "reason": reason, "n": n})

    @property
    def stem(self) -> str:
        return f"{self.load_id}.{self.replay}" if self.replay else self.load_id


def folder(home: Home) -> Path:
    """Where staged loads wait."""
    return home.folder("lake", "_staged")


def begin(home: Home, manifest: Manifest) -> None:
    """Forget what an earlier, broken attempt at this load left."""
    # The manifest first: a death in between leaves files that nobody lists, not a list of files that are gone.
    (folder(home) / f"{manifest.stem}.json").unlink(missing_ok=True)
    shutil.rmtree(folder(home) / manifest.stem, ignore_errors=True)


def stage(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake, manifest: Manifest, kind: str) -> int:
    """Write `protected_<kind>` without rows that the lake (or another staged load) already holds; returns rows staged.

    A duplicate has the same record key and content as a version that is there already.
    """
    keys = [*KINDS[kind].protected_key, "content_hash"]
    listed = ", ".join(identifier(k) for k in keys)
    match = " AND ".join(f"h.{identifier(k)} = p.{identifier(k)}" for k in keys)
    held = [lake.relation_sql(kind)] if lake.parts(kind) else []
    waiting = [
        folder(home).parent / p.path
        for m in staged(home)
        for p in m.parts
        if p.kind == kind and m.source == manifest.source
    ]
    if waiting:
        paths = ", ".join(literal(str(p)) for p in waiting)
        held.append(f"SELECT * FROM read_parquet([{paths}], encryption_config={{footer_key: '{LAKE_KEY}'}})")
    con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{lake.key}')")
    if held:
        union = " UNION ALL BY NAME ".join(
            f"(SELECT {listed}, source FROM ({h}) WHERE source = {literal(manifest.source)})" for h in held
        )
        con.execute(f"CREATE OR REPLACE TEMP TABLE _held AS SELECT DISTINCT {listed} FROM ({union})")
        fresh = f"SELECT * FROM protected_{kind} p WHERE NOT EXISTS (SELECT 1 FROM _held h WHERE {match})"
    else:
        fresh = f"SELECT * FROM protected_{kind} p"
    # Numbered by hand: rowids of a table made inside a transaction do not start at nought.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _fresh AS SELECT *, row_number() OVER () - 1 AS _number "
        f"FROM (SELECT DISTINCT ON ({listed}) * FROM ({fresh}))"
    )
    total = _count(con, f"protected_{kind}")
    rows = _count(con, "_fresh")
    manifest.count("rows", kind, "duplicate", total - rows)
    manifest.count("rows", kind, "staged", rows)
    target = folder(home) / manifest.stem
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, PART_ROWS)):
        path = target / f"{kind}-{number}.parquet"
        con.execute(
            f"COPY (SELECT * EXCLUDE (_number) FROM _fresh WHERE _number >= {start} AND _number < {start + PART_ROWS}) TO {literal(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})"
        )
        os.chmod(path, 0o600)
        manifest.parts.append(Part(kind, number, str(path.relative_to(home.lake)), min(PART_ROWS, rows - start)))
    con.execute("DROP TABLE _fresh; DROP TABLE IF EXISTS _held")
    return rows


def finish(home: Home, manifest: Manifest) -> None:
    """Make the manifest durable: from here on the load counts as staged."""
    write_durably(folder(home) / f"{manifest.stem}.json", json.dumps(asdict(manifest), indent=1).encode())


def staged(home: Home) -> list[Manifest]:
    """Every staged load, oldest first."""
    return [_manifest(p) for p in sorted(folder(home).glob("*.json"))]


def _manifest(path: Path) -> Manifest:
    raw = json.loads(path.read_text())
    return Manifest(**{**raw, "parts": [Part(**p) for p in raw["parts"]]})


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
