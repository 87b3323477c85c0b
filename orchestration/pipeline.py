"""One run, step by step, free of wiring: what the command line and the Dagster assets both call.

Keep out: how a step does its work (its own package) and Dagster.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import connect, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.lake import promote, stage
from orchestration.lake.store import LAKE_KEY
from orchestration.landing import pages
from orchestration.landing.extract import Extraction
from orchestration.landing.extract import extract as extract_pages
from orchestration.privacy.guard import Guarded, guard
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Settings, Window
from orchestration.sources.registry import discover


@dataclass(frozen=True)
class BatchVerdict:
    """What the audit said of one staged batch: names of checks and counts, never values."""

    load_id: str
    source: str
    kind: str
    part: int
    rows: int
    passed: bool
    checks: list[dict[str, Any]]


class Outcomes:
    """Failures of sources in the run under way, kept in the home so that every step and process sees them."""

    def __init__(self, home: Home):
        self._path = home.folder("ops") / "outcomes.json"

    def reset(self) -> None:
        write_durably(self._path, b"{}")

    def fail(self, source: str, step: str, reason: str) -> None:
        failures = self.failures()
        failures[source] = {"step": step, "reason": reason}
        write_durably(self._path, json.dumps(failures, indent=1).encode())

    def failures(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return found


def extract(home: Home, keyring: Keyring, settings: Settings, window: Window) -> Extraction:
    """Ask one source for what is new. A failure is recorded as the source's outcome."""
    done = extract_pages(home, keyring, settings, window, now())
    if done.failure:
        Outcomes(home).fail(settings.name, "extract", done.failure)
    return done


def guard_source(home: Home, keyring: Keyring, settings: Settings) -> list[Guarded]:
    """Guard every load of a source that waits in landing. A contract broken by the source is its outcome."""
    from orchestration.errors import ContractError

    done = []
    staged = {m.load_id for m in stage.staged(home)}
    for load in pages.loads(home, settings.name):
        if promote.is_committed(home, load.load_id) or load.load_id in staged:
            continue
        try:
            done.append(guard(home, keyring, settings, load))
        except ContractError as error:
            Outcomes(home).fail(settings.name, "guard", str(error))
    return done


def load_staged(home: Home, keyring: Keyring) -> list[BatchVerdict]:
    """Audit every staged batch; promote what passes, quarantine what fails, commit load by load."""
    from orchestration.lake.audit import audit_batch

    verdicts: list[BatchVerdict] = []
    promote.sweep_orphans(home)
    for manifest in stage.staged(home):
        con = connect(home.temp)
        try:
            con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{keyring.base64(LAKE_KEY)}')")
            found = []
            for part in manifest.parts:
                table = con.execute(
                    f"SELECT * FROM read_parquet({literal(str(home.lake / part.path))}, "
                    f"encryption_config={{footer_key: '{LAKE_KEY}'}})"
                ).fetch_arrow_table()
                result = audit_batch(table, part.kind)
                checks = [asdict(c) for c in result.checks]
                found.append(
                    BatchVerdict(manifest.load_id, manifest.source, part.kind, part.number, part.rows, result.passed, checks)
                )
        finally:
            con.close()
        failures = {
            (v.kind, v.part): [c for c in v.checks if not c["passed"] and c["is_blocking"]] for v in found if not v.passed
        }
        promote.promote(home, manifest, failures)
        verdicts += found
    return verdicts


def ledger_faults(home: Home, keyring: Keyring) -> list[str]:
    """What the ledger cannot account for, load by load; an empty list is a sound run."""
    from orchestration.lake.ledger import faults
    from orchestration.lake.store import Lake

    return faults(Lake(home, keyring.base64(LAKE_KEY)).ledger_rows())


def open_warehouse(home: Home, keyring: Keyring) -> duckdb.DuckDBPyConnection:
    """The exact marts, read-only, as catalog `wh`.

    Raises VoicehouseError before the first run.
    """
    if not home.warehouse.exists():
        raise VoicehouseError("there is no warehouse yet: run `voicehouse run` first")
    con = connect(home.temp)
    con.execute(
        f"ATTACH {literal(str(home.warehouse))} AS wh (READ_ONLY, ENCRYPTION_KEY '{keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
    )
    return con


def sources(home: Home) -> dict[str, Settings]:
    """The home's active sources that its policy does not block."""
    from orchestration.privacy.policy import Policy

    blocked = Policy.of(home).blocked_sources
    return {n: s for n, s in discover(home).items() if n not in blocked}


def record_run(home: Home, entry: dict[str, Any]) -> None:
    """Append one line to the run history, ops/runs.jsonl."""
    path: Path = home.folder("ops") / "runs.jsonl"
    with path.open("a") as handle:
        handle.write(json.dumps(entry) + "\n")


def run_history(home: Home) -> list[dict[str, Any]]:
    """Every run, oldest first."""
    path = home.folder("ops") / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


__all__ = [
    "BatchVerdict",
    "Outcomes",
    "extract",
    "guard_source",
    "ledger_faults",
    "load_staged",
    "open_warehouse",
    "record_run",
    "run_history",
    "sources",
]
