"""Reading the lake: commits, their parts, and relations over them.

Keep out: writing (stage.py, promote.py).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from orchestration import formats
from orchestration.engine import identifier, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake import metrics
from orchestration.lake.increment import Increment, remapped_file
from orchestration.landing import extractions
from orchestration.records import KINDS, TYPES

LAKE_KEY = "lake"
SUBJECTS_FILE = "_subjects.parquet"

# Technical relations that the lake publishes beside the kinds, from the commits themselves.
LEDGER_COLUMNS = {
    "load_id": "VARCHAR",
    "source": "VARCHAR",
    "loaded_at": "TIMESTAMP",
    "level": "VARCHAR",  # records | rows
    "name": "VARCHAR",  # stream or kind
    # read, conformed, reference, emitted, staged, rejected, duplicate, promoted, quarantined, unselected, unread,
    # withheld (lake/rewrite.py, WITHHELD: no longer in any file)
    "measure": "VARCHAR",
    "reason": "VARCHAR",
    "n": "BIGINT",
}
SOURCE_COLUMNS = {
    "source": "VARCHAR",
    "loaded_at": "TIMESTAMP",
    "observed_until": "TIMESTAMP",  # declared
    "extracted_at": "TIMESTAMP",  # start of an API's last complete extraction
    "is_public_set": "BOOLEAN",
    "timezone": "VARCHAR",
    "name_zh": "VARCHAR",
    "name_en": "VARCHAR",
}
SUBJECT_COLUMNS = {
    "subject_key": "VARCHAR",
    "current_subject_key": "VARCHAR",
    "valid_from": "TIMESTAMP",
    "reason": "VARCHAR",
}
CHECK_COLUMNS = {
    "check_id": "VARCHAR",
    "name_zh": "VARCHAR",
    "name_en": "VARCHAR",
    "cadence": "VARCHAR",
    "status": "VARCHAR",
    "last_proved_at": "TIMESTAMP",
    "evidence": "VARCHAR",
    "n_checked": "BIGINT",
    "n_failed": "BIGINT",
}
# What a build of the models takes in when it builds on what stands (increment.py); empty for a full build.
BUILD_COLUMNS = {"number": "BIGINT", "known_before": "TIMESTAMP"}
FRESH_COLUMNS = {"load_id": "VARCHAR"}
REMAPPED_COLUMNS = {"subject_key": "VARCHAR"}


def read_commits(home: Home, folder: str) -> list[dict[str, Any]]:
    """Every commit file of a folder (`_commits`, `_rewrites`), by name.

    Raises VoicehouseError when one is of another release's format.
    """
    found = [json.loads(p.read_text()) for p in sorted(home.folder("lake", folder).glob("*.json"))]
    for commit in found:
        formats.check(formats.LAKE, commit.get("format"))
    return found


def live_paths(home: Home) -> set[str]:
    """Files of the lake that count: listed by a commit and not replaced by a rewriting (paths relative to the lake)."""
    commits = [*read_commits(home, "_commits"), *read_commits(home, "_rewrites")]
    listed = {part["path"] for c in commits for part in c["parts"]}
    return listed - {path for c in commits for path in c.get("replaces", ())}


def missing_files(home: Home) -> list[str]:
    """Files that commits list and that are not there (paths relative to the lake, which name kind, source and load)."""
    return sorted(path for path in live_paths(home) if not (home.lake / path).exists())


def require_whole(home: Home) -> None:
    """Raise VoicehouseError, naming the first, when a file that a commit lists is not there."""
    if missing := missing_files(home):
        raise VoicehouseError(
            f"the lake lacks {len(missing)} of the files that its commits list, first {missing[0]}: put them back from a "
            "backup, then run again"
        )


@dataclass(frozen=True)
class Lake:
    """The committed lake of one home, as known at `known_at` (None: everything)."""

    home: Home
    key: str  # base64
    known_at: datetime | None = None

    @cached_property
    def commits(self) -> list[dict[str, Any]]:
        """Every commit file, oldest first."""
        found = read_commits(self.home, "_commits")
        if self.known_at:
            found = [c for c in found if datetime.fromisoformat(c["loaded_at"]) <= self.known_at]
        return sorted(found, key=lambda c: (c["loaded_at"], c["load_id"], c.get("replay", 0)))

    @cached_property
    def rewrites(self) -> list[dict[str, Any]]:
        """Every commit that rewrote files (lake/rewrite.py), oldest first; they count whatever is to be known at."""
        return read_commits(self.home, "_rewrites")

    def forget(self) -> None:
        """Read commits anew when they are asked for next."""
        for name in ("commits", "rewrites", "_shapes"):
            self.__dict__.pop(name, None)

    def part_entries(self, kind: str) -> list[dict[str, Any]]:
        """What commits say of a kind's files that no rewriting replaced: path (relative to the lake), rows, source."""
        replaced = {path for r in self.rewrites for path in r["replaces"]}
        listed = [{**p, "source": c["source"]} for c in self.commits for p in c["parts"]]
        listed += [p for r in self.rewrites for p in r["parts"]]
        return [p for p in listed if p["kind"] == kind and p["path"] not in replaced]

    @property
    def rows(self) -> int:
        """How many rows its files hold, all kinds and versions."""
        return sum(part["rows"] for kind in KINDS for part in self.part_entries(kind))

    def parts(self, kind: str) -> list[Path]:
        """The committed Parquet files of a kind."""
        return [self.home.lake / p["path"] for p in self.part_entries(kind)]

    def open_key(self, con: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read and write the lake's files."""
        con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{self.key}')")

    @cached_property
    def _shapes(self) -> dict[str, str]:
        """Which columns each committed file was written with, by path; all that do not say were written alike."""
        return {p["path"]: p.get("shape", "") for c in (*self.commits, *self.rewrites) for p in c["parts"]}

    def read_sql(self, kind: str, files: Iterable[Path], with_filename: bool = False) -> str:
        """A select of a kind's columns over some of the lake's files; what a file was written without reads as null.

        `with_filename` adds the column `filename`.
        """
        # Encrypted files of different columns cannot be read by one read_parquet: its union_by_name crashes on them.
        alike: dict[str, list[Path]] = {}
        for file in files:
            path = str(file.relative_to(self.home.lake)) if file.is_relative_to(self.home.lake) else str(file)
            alike.setdefault(self._shapes.get(path, path), []).append(file)
        columns = ", ".join(identifier(f.name) for f in KINDS[kind].protected_schema)
        selects = [
            f"SELECT * FROM {parquet_sql(paths, ', filename=true' if with_filename else '')}"
            for paths in alike.values()
        ]
        whole = " UNION ALL BY NAME ".join([_no_rows(kind), *selects])
        return f"SELECT {columns}{', filename' if with_filename else ''} FROM ({whole})"

    def batch_sql(self, kind: str, file: Path) -> str:
        """A select of all that one file holds, wherever it lies, be it of the contract or not."""
        return f"{_no_rows(kind)} UNION ALL BY NAME SELECT * FROM {parquet_sql([file])}"

    def relation_sql(self, kind: str) -> str:
        """A select over a kind's committed rows; a kind without files reads as zero rows of its contract."""
        files = self.parts(kind)
        if not files:
            return _no_rows(kind)
        # A rewritten file may hold rows of later loads beside those that were known.
        known = f" WHERE loaded_at <= TIMESTAMP '{self.known_at}'" if self.known_at and self.rewrites else ""
        return f"{self.read_sql(kind, files)}{known}"

    def register(
        self, con: duckdb.DuckDBPyConnection, schema: str = "lake", increment: Increment | None = None
    ) -> None:
        """Create one view per kind, and the technical relations, in a schema of the connection's own catalog."""
        increment = increment or Increment()
        self.open_key(con)
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for kind in KINDS:
            con.execute(f"CREATE OR REPLACE VIEW {schema}.{identifier(kind)} AS {self.relation_sql(kind)}")
        for name, columns, rows in (
            ("_ledger", LEDGER_COLUMNS, self.ledger_rows()),
            ("_sources", SOURCE_COLUMNS, self.source_rows()),
            ("_checks", CHECK_COLUMNS, self._published("_checks")),
            ("_build", BUILD_COLUMNS, [{"number": increment.number, "known_before": increment.known_before}]),
            ("_fresh", FRESH_COLUMNS, [{"load_id": load} for load in increment.fresh]),
            ("_metrics", metrics.columns(), metrics.house_metrics(self.home)),
        ):
            _table(con, f"{schema}.{name}", columns, rows)
        con.execute(f"CREATE OR REPLACE VIEW {schema}._subjects AS {self.subjects_sql()}")
        con.execute(f"CREATE OR REPLACE VIEW {schema}._remapped AS {self.remapped_sql()}")

    def subjects_sql(self) -> str:
        """A select over what the vault published of merges, as known at `known_at`."""
        path = self.home.lake / SUBJECTS_FILE
        if not path.exists():
            return "SELECT " + ", ".join(f"NULL::{t} AS {c}" for c, t in SUBJECT_COLUMNS.items()) + " WHERE false"
        known = f" WHERE valid_from <= TIMESTAMP '{self.known_at}'" if self.known_at else ""
        return f"SELECT {', '.join(SUBJECT_COLUMNS)} FROM {parquet_sql([path])}{known}"

    def remapped_sql(self) -> str:
        """A select over the pseudonyms that the build under way has to look at again."""
        path = remapped_file(self.home)
        columns = ", ".join(f"NULL::{t} AS {c}" for c, t in REMAPPED_COLUMNS.items())
        return f"SELECT * FROM {parquet_sql([path])}" if path.exists() else f"SELECT {columns} WHERE false"

    def ledger_rows(self) -> list[dict[str, Any]]:
        """Every ledger line of every commit, long; rows that a rewriting took away are `withheld`, under their load."""
        lines = [
            {"load_id": c["load_id"], "source": c["source"], "loaded_at": c["loaded_at"], **line}
            for c in self.commits
            for line in c["ledger"]
        ]
        return lines + self.withheld_since()

    def withheld_since(self) -> list[dict[str, Any]]:
        """Ledger lines of rows that were known (at `known_at`) and that a rewriting took away since."""
        gone = [line for r in self.rewrites for line in r["ledger"]]
        if self.known_at:
            gone = [line for line in gone if datetime.fromisoformat(line["loaded_at"]) <= self.known_at]
        return gone

    def source_rows(self) -> list[dict[str, Any]]:
        """One row per source, as of its newest commit."""
        loads = {c["load_id"] for c in self.commits}
        newest = {c["source"]: c for c in self.commits}
        return [
            {
                "source": source,
                "loaded_at": commit["loaded_at"],
                "extracted_at": self._extracted_at(source, loads),
                **commit["about"],
            }
            for source, commit in newest.items()
        ]

    def _extracted_at(self, source: str, loads: set[str]) -> str | None:
        """As known when the newest load came: what was asked later counts once another load has come."""
        newest = datetime.fromisoformat(self.commits[-1]["loaded_at"])
        found = extractions.extracted_at(self.home, source, loads, newest)
        return found.isoformat() if found else None

    def _published(self, name: str) -> list[dict[str, Any]]:
        path = self.home.lake / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else []


def parquet_sql(files: Iterable[Path], options: str = "") -> str:
    """SQL: the rows of encrypted files that have the same columns."""
    listed = ", ".join(literal(str(f)) for f in files)
    return f"read_parquet([{listed}], hive_partitioning=false{options}, encryption_config={{footer_key: '{LAKE_KEY}'}})"


def shape(kind: str) -> str:
    """A short name for the columns that a kind's files are written with today."""
    columns = ",".join(f"{f.name} {f.type}" for f in KINDS[kind].protected_schema)
    return hashlib.sha256(columns.encode()).hexdigest()[:12]


def _no_rows(kind: str) -> str:
    columns = ", ".join(
        f"CAST(NULL AS {duckdb_type(f.type)}) AS {identifier(f.name)}" for f in KINDS[kind].protected_schema
    )
    return f"SELECT {columns} WHERE false"


def _table(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> None:
    shape = ", ".join(f"{c} {t}" for c, t in columns.items())
    con.execute(f"CREATE OR REPLACE TABLE {name} ({shape})")
    if rows:
        payload = json.dumps([{c: r.get(c) for c in columns} for r in rows])
        structure = json.dumps([columns])
        con.execute(f"INSERT INTO {name} SELECT unnest(from_json(?::JSON, ?), max_depth := 2)", [payload, structure])


def duckdb_type(arrow_type: Any) -> str:
    """The DuckDB name of a contract's Arrow type."""
    names = {
        "string": "VARCHAR",
        "integer": "BIGINT",
        "number": "DOUBLE",
        "boolean": "BOOLEAN",
        "timestamp": "TIMESTAMP",
        "date": "DATE",
        "strings": "VARCHAR[]",
    }
    return next(names[name] for name, t in TYPES.items() if t == arrow_type)
