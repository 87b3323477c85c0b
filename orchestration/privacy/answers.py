"""Answers in the clear, each a closed file for one reader: copies for persons, what a job was asked; gone soon.

Keep out: what stands in them (access.py, reidentification.py). No backup holds them, and an erasure takes them along,
and so it does what a death left of one half written, beside it in its folder.
"""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestration.home import Home, now, write_durably

TO_PERSONS, TO_JOBS = ("ops", "copies"), ("ops", "answers")
DAYS = 1  # what a job was asked for is fetched at once, or asked for again


def for_person(home: Home, request_id: str) -> Path:
    """Where the answer to a request lies."""
    return home.folder(*TO_PERSONS) / f"{request_id}.json"


def for_job(home: Home, run: str) -> Path:
    """Where the answer to a job lies."""
    return home.folder(*TO_JOBS) / f"{run}.json"


def write(path: Path, found: Any) -> None:
    """Write an answer, closed to others."""
    write_durably(path, json.dumps(found, indent=1, ensure_ascii=False).encode())


def expire(home: Home, days: int, dry_run: bool = False) -> int:
    """Delete answers that were not fetched: those to persons after `days`, those to jobs after DAYS; how many.

    `dry_run` only counts.
    """
    at = now().replace(tzinfo=None)
    due = [path for path, until in terms(home, days) if until < at]
    for path in [] if dry_run else due:
        path.unlink()
    return len(due)


def terms(home: Home, days: int) -> list[tuple[Path, datetime]]:
    """Every answer, whole or not, and when its term ends, naive UTC; `days` of those to persons."""
    return [
        (path, _written(path) + timedelta(days=kept))
        for folder, kept in ((TO_PERSONS, days), (TO_JOBS, DAYS))
        for path in _files(home, folder)
    ]


def about(home: Home, request_ids: Collection[str], until: datetime | None = None) -> list[Path]:
    """Files that may tell of whoever made these requests: their answers, and everything that jobs were asked.

    Of the latter only what was written by `until`, naive UTC, if given.
    """
    mine = {for_person(home, request_id).name for request_id in request_ids}
    to_them = [p for p in _files(home, TO_PERSONS) if p.name.removeprefix(".").removesuffix(".draft") in mine]
    return to_them + [p for p in _files(home, TO_JOBS) if until is None or _written(p) <= until]


def _files(home: Home, folder: tuple[str, ...]) -> Iterator[Path]:
    """Whole answers, and drafts that a death left."""
    return (p for p in sorted(home.folder(*folder).iterdir()) if p.is_file())


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
