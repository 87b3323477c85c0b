"""The quarantine: batches that failed, listed, checked again on request, rewritten as the lake is, expired by age.

Keep out: what put them there (promote.py).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, place_durably, write_durably
from orchestration.lake import rewrite as rewriting
from orchestration.lake import stage
from orchestration.lake.promote import age_days, promote
from orchestration.lake.rewrite import Change
from orchestration.lake.stage import Manifest, Part
from orchestration.lake.store import LAKE_KEY, Lake, read_commits, shape
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS


def batches(home: Home) -> list[dict[str, Any]]:
    """Every quarantined batch: where it came from, which checks failed on how many rows."""
    return [json.loads(p.read_text()) for p in sorted(home.folder("quarantine").glob("*/*.json"))]


def register(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """The lake on `con`, and beside it in schema `waiting` a view per kind: rows of batches, with `failed_checks`."""
    lake.register(con)
    selects = {kind: [f"SELECT *, []::VARCHAR[] AS failed_checks FROM ({lake.read_sql(kind, [])})"] for kind in KINDS}
    for note in batches(lake.home):
        path, kind = lake.home.root / "quarantine" / f"{note['batch']}.parquet", note["part"]["kind"]
        if path.exists():
            failed = ", ".join(literal(name) for name in sorted({f["name"] for f in note["failed"]}))
            selects[kind].append(
                f"SELECT *, [{failed}]::VARCHAR[] AS failed_checks FROM ({lake.read_sql(kind, [path])})"
            )
    con.execute("CREATE SCHEMA IF NOT EXISTS waiting")
    for kind, parts in selects.items():
        con.execute(f"CREATE OR REPLACE VIEW waiting.{identifier(kind)} AS {' UNION ALL '.join(parts)}")


def find(home: Home, batch: str) -> dict[str, Any]:
    """One batch by its name (`<load>/<kind>-<part>`), or by a part of it that fits only one.

    Raises VoicehouseError when none or several fit.
    """
    fitting = [n for n in batches(home) if batch in n["batch"]]
    if len(fitting) != 1:
        raise VoicehouseError(f"{len(fitting)} quarantined batches fit '{batch}': see `voicehouse quarantine list`")
    return fitting[0]


def replay(home: Home, keyring: Keyring, batch: str) -> bool:
    """Audit a batch again; when it passes, commit it as the load's next commit and empty its place.

    Returns the verdict.
    """
    from orchestration.lake.audit import audit_batch

    note = find(home, batch)
    part = Part(**note["part"])
    path = home.root / "quarantine" / f"{note['batch']}.parquet"
    if not path.exists():
        raise VoicehouseError("the batch has expired: only its reasons are left")
    told = f"replayed {note['batch']}"
    if any(line["reason"] == told for c in _commits(home, note["load_id"]) for line in c["ledger"]):
        _forget(path)  # a death came between its commit and this
        return True
    con = connect(home.temp)
    try:
        lake = Lake(home, keyring.base64(LAKE_KEY))
        lake.open_key(con)
        table = con.execute(lake.batch_sql(part.kind, path)).to_arrow_table()
    finally:
        con.close()
    result = audit_batch(table, part.kind, is_public=bool(note["about"]["is_public_set"]))
    if not result.passed:
        return False
    load_id = note["load_id"]
    manifest = Manifest(
        load_id,
        note["source"],
        now().replace(tzinfo=None).isoformat(),
        note["about"],
        replay=stage.next_replay(home, load_id),
    )
    target = stage.folder(home) / manifest.stem / path.name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.write_bytes(path.read_bytes())
    # Of the file, not of its note: a death between the two leaves a note of rows that have gone.
    rows = table.num_rows
    manifest.parts.append(Part(part.kind, part.number, str(target.relative_to(home.lake)), rows, part.shape))
    # The rows were staged and quarantined under the load's first commit; now they move over.
    manifest.count("rows", part.kind, "quarantined", -rows, told)
    stage.finish(home, manifest)
    promote(home, manifest, {})
    _forget(path)
    return True


def change(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    note: dict[str, Any],
    wanted: Mapping[str, Change],
    dry_run: bool = False,
) -> tuple[int, int]:
    """A waiting batch as `wanted` (by kind) leaves it, as rewriting does with the lake.

    Its reasons and their counts stay.
    Returns how many rows go and how many change; `dry_run` leaves them.
    """
    part = note["part"]
    path = lake.home.root / "quarantine" / f"{note['batch']}.parquet"
    if part["kind"] not in wanted or not path.exists():
        return 0, 0
    asked = wanted[part["kind"]]
    gone, changed = rewriting.concerned_sql(asked)
    row = con.execute(
        f"SELECT count(*) FILTER ({gone}), count(*) FILTER ({changed}) FROM ({lake.read_sql(part['kind'], [path])}) AS r "
        f"{asked.beside}"
    ).fetchone() or (0, 0)
    if dry_run or not any(row):
        return row[0], row[1]
    draft = path.with_name(f".{path.name}.draft")
    left = rewriting.copy(con, lake, part["kind"], [path], asked, draft)
    place_durably(draft, path)
    about = note | {"part": part | {"rows": left, "shape": shape(part["kind"])}}
    write_durably(path.with_suffix(".json"), json.dumps(about, indent=1).encode())
    return row[0], row[1]


def _commits(home: Home, load_id: str) -> list[dict[str, Any]]:
    return [c for c in read_commits(home, "_commits") if c["load_id"] == load_id]


def _forget(path: Path) -> None:
    path.unlink()
    path.with_suffix(".json").unlink()


def expire(home: Home, days: int) -> list[str]:
    """Delete batches older than `days`; their reasons stay. Returns their names."""
    gone = []
    for note in batches(home):
        path = home.root / "quarantine" / f"{note['batch']}.parquet"
        if path.exists() and age_days(note, now()) > days:
            path.unlink()
            gone.append(note["batch"])
    return gone
