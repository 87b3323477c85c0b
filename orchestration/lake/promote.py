"""Promotion: batches that passed move into the lake, the rest into quarantine; the commit file comes last.

Keep out: judging (audit.py) and reading (store.py).
"""

import json
import os
import shutil
from dataclasses import asdict
from datetime import datetime
from typing import Any

from orchestration.formats import FORMATS, LAKE
from orchestration.home import Home, sync_paths, write_durably
from orchestration.lake import stage
from orchestration.lake.stage import Manifest, Part
from orchestration.lake.store import live_paths


def promote(home: Home, manifest: Manifest, failures: dict[tuple[str, int], list[dict[str, Any]]]) -> dict[str, int]:
    """Commit one staged load. `failures` maps (kind, part number) to the checks that failed, without values.

    Returns rows promoted and quarantined. Run twice it does the same once.
    """
    promoted: list[dict[str, Any]] = []
    counts = {"promoted": 0, "quarantined": 0}
    for part in manifest.parts:
        source_path = home.lake / part.path
        failed = failures.get((part.kind, part.number))
        if failed:
            _quarantine(home, manifest, part, failed)
            counts["quarantined"] += part.rows
            manifest.count("rows", part.kind, "quarantined", part.rows, "; ".join(sorted({f["name"] for f in failed})))
            continue
        _let_out(home, manifest, part)
        folder = home.folder("lake", part.kind, f"source={manifest.source}", f"load={manifest.stem}")
        target = folder / f"part-{part.number}.parquet"
        if source_path.exists():
            draft = folder / f".{target.name}.draft"
            shutil.copyfile(source_path, draft)
            os.chmod(draft, 0o600)
            sync_paths([draft], folder)
            os.replace(draft, target)
            sync_paths([target], home.lake)
        counts["promoted"] += part.rows
        manifest.count("rows", part.kind, "promoted", part.rows)
        promoted.append(
            {"kind": part.kind, "path": str(target.relative_to(home.lake)), "rows": part.rows, "shape": part.shape}
        )
    commit = {
        "format": FORMATS[LAKE],
        "load_id": manifest.load_id,
        "replay": manifest.replay,
        "source": manifest.source,
        "loaded_at": manifest.loaded_at,
        "vault_generation": manifest.vault_generation,
        "about": manifest.about,
        "parts": promoted,
        "ledger": manifest.ledger,
    }
    write_durably(home.folder("lake", "_commits") / f"{manifest.stem}.json", json.dumps(commit, indent=1).encode())
    stage.begin(home, manifest)
    return counts


def is_committed(home: Home, load_id: str) -> bool:
    """Whether a load has become part of the lake."""
    return (home.folder("lake", "_commits") / f"{load_id}.json").exists()


def _quarantine(home: Home, manifest: Manifest, part: Part, failed: list[dict[str, Any]]) -> None:
    """Keep a failed batch as it was staged (encrypted), with reasons and counts, never values."""
    folder = home.folder("quarantine", manifest.stem)
    path = home.lake / part.path
    if path.exists():
        shutil.copyfile(path, folder / f"{part.kind}-{part.number}.parquet")
        os.chmod(folder / f"{part.kind}-{part.number}.parquet", 0o600)
        sync_paths([folder / f"{part.kind}-{part.number}.parquet"], home.root)
    note = {
        "batch": f"{manifest.stem}/{part.kind}-{part.number}",
        "load_id": manifest.load_id,
        "source": manifest.source,
        "loaded_at": manifest.loaded_at,
        "about": manifest.about,
        "part": asdict(part),
        "failed": failed,
    }
    write_durably(folder / f"{part.kind}-{part.number}.json", json.dumps(note, indent=1).encode())


def _let_out(home: Home, manifest: Manifest, part: Part) -> None:
    """Take back what an attempt that refused this batch and broke off left: nothing else would ever reach it there."""
    folder = home.root / "quarantine" / manifest.stem
    for name in (f"{part.kind}-{part.number}.json", f"{part.kind}-{part.number}.parquet"):
        (folder / name).unlink(missing_ok=True)


def sweep_orphans(home: Home) -> int:
    """Delete lake files that do not count (a death around a commit, a file that was rewritten); returns how many."""
    live = live_paths(home)
    gone = 0
    for path in home.lake.glob("*/source=*/load=*/*"):
        if str(path.relative_to(home.lake)) not in live:
            path.unlink()
            gone += 1
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
    manifests = {m.stem for m in stage.staged(home)}
    for folder in (p for p in stage.folder(home).iterdir() if p.is_dir() and p.name not in manifests):
        shutil.rmtree(folder)
        gone += 1
    return gone


def age_days(note: dict[str, Any], now: datetime) -> int:
    """Days since a quarantined batch was loaded."""
    return (now.replace(tzinfo=None) - datetime.fromisoformat(note["loaded_at"])).days
