"""When sources were asked and gave all they had: until when what they gave tells of, also where nothing was new.

Keep out: extracting (extract.py), and until when a source was observed (models, int_sources).
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.home import Home, write_durably


@dataclass(frozen=True)
class Complete:
    """One complete extraction of a source (times naive UTC).

    All that there was at `started_at` had been given by `ended_at`.
    loads: those of the source that waited in landing then, its own among them; it tells of nothing before they are in
    the lake.
    """

    started_at: datetime
    ended_at: datetime
    loads: tuple[str, ...]


def note(home: Home, source: str, done: Complete, newest_load: datetime | None) -> None:
    """Add a complete extraction to the source's, durably.

    newest_load: loaded_at of the lake's newest. What was noted since then with the same loads gives way: figures are as
    of a load, so none was made, or can be made, of what it says.
    """
    before = _noted(home, source)
    if before and before[-1].loads == done.loads and not (newest_load and newest_load >= before[-1].ended_at):
        before.pop()
    lines = [{**asdict(e), "started_at": str(e.started_at), "ended_at": str(e.ended_at)} for e in [*before, done]]
    write_durably(_path(home, source), json.dumps(lines).encode())


def extracted_at(home: Home, source: str, loads: Collection[str], known_at: datetime) -> datetime | None:
    """Start of the last extraction that was complete at `known_at`, when `loads` were in the lake.

    None where there was none.
    """
    told = [e.started_at for e in _noted(home, source) if e.ended_at <= known_at and set(e.loads) <= set(loads)]
    return max(told, default=None)


def _noted(home: Home, source: str) -> list[Complete]:
    path = _path(home, source)
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return [
        Complete(datetime.fromisoformat(e["started_at"]), datetime.fromisoformat(e["ended_at"]), tuple(e["loads"]))
        for e in found
    ]


def _path(home: Home, source: str) -> Path:
    return home.folder("landing", "_complete") / f"{source}.json"
