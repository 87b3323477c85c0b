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

from orchestration.engine import literal
from orchestration.home import Home, sync_paths, write_durably
from orchestration.lake.store import LAKE_KEY, Lake, shape

PART_ROWS = 250_000  # of one batch at most
PART_TEXT = 128 << 20  # bytes of text in one batch, about


@dataclass
class Part:
    """One batch: (source, load, kind, part)."""

    kind: str
    number: int
    path: str  # relative to the lake
    rows: int
    shape: str = ""  # of its columns


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


def next_replay(home: Home, load_id: str) -> int:
    """The number of a load's next commit: one name for each, whoever makes it (rows taken up, a batch let in again)."""
    made = (p for where in _made(home) for p in where.glob(f"{load_id}.*.json"))
    return 1 + max((int(p.name.split(".")[-2]) for p in made), default=0)


def is_made(home: Home, load_id: str, replay: int) -> bool:
    """Whether rows of a load's later commit are staged or committed."""
    return any((where / f"{load_id}.{replay}.json").exists() for where in _made(home))


def _made(home: Home) -> tuple[Path, Path]:
    return home.folder("lake", "_commits"), folder(home)


def begin(home: Home, manifest: Manifest) -> None:
    """Forget what an earlier, broken attempt at this load left."""
    # The manifest first: a death in between leaves files that nobody lists, not a list of files that are gone.
    (folder(home) / f"{manifest.stem}.json").unlink(missing_ok=True)
    shutil.rmtree(folder(home) / manifest.stem, ignore_errors=True)


def held_sql(home: Home, lake: Lake, manifest: Manifest, kind: str) -> str | None:
    """A select of `content_hash` over the rows of a source and kind that the lake, or another staged load, holds.

    None where there are none. The content says the record's key too, so equal hashes are equal versions.
    """
    paths = [home.lake / p["path"] for p in lake.part_entries(kind) if p["source"] == manifest.source]
    paths += [
        home.lake / p.path for m in staged(home) if m.source == manifest.source for p in m.parts if p.kind == kind
    ]
    return f"SELECT content_hash FROM ({lake.read_sql(kind, paths)})" if paths else None


def known_sql(home: Home, lake: Lake, kind: str) -> str | None:
    """A select over the rows of a kind that the lake or any staged load holds, all versions.

    None where there are none.
    """
    paths = [*lake.parts(kind), *(home.lake / p.path for m in staged(home) for p in m.parts if p.kind == kind)]
    return lake.read_sql(kind, paths) if paths else None


def write_part(con: duckdb.DuckDBPyConnection, home: Home, manifest: Manifest, kind: str, select: str) -> None:
    """Write protected rows as the kind's next part of a load."""
    number = sum(p.kind == kind for p in manifest.parts)
    target = folder(home) / manifest.stem
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = target / f"{kind}-{number}.parquet"
    row = con.execute(
        f"COPY ({select}) TO {literal(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})"
    ).fetchone()
    os.chmod(path, 0o600)
    manifest.parts.append(Part(kind, number, str(path.relative_to(home.lake)), int(row[0]) if row else 0, shape(kind)))


def finish(home: Home, manifest: Manifest) -> None:
    """Make the parts, then the manifest durable: from here on the load counts as staged."""
    sync_paths((home.lake / part.path for part in manifest.parts), folder(home))
    write_durably(folder(home) / f"{manifest.stem}.json", json.dumps(asdict(manifest), indent=1).encode())


def staged(home: Home) -> list[Manifest]:
    """Every staged load, oldest first."""
    return [_manifest(p) for p in sorted(folder(home).glob("*.json"))]


def _manifest(path: Path) -> Manifest:
    raw = json.loads(path.read_text())
    return Manifest(**{**raw, "parts": [Part(**p) for p in raw["parts"]]})
