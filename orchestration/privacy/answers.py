"""Answers in the clear, each a closed file for one reader: copies for persons, what a job was asked; gone soon.

Keep out: what stands in them (access.py, reidentification.py). No backup holds them, and an erasure takes them along.
"""

import json
from collections.abc import Collection
from datetime import timedelta
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


def expire(home: Home, days: int) -> int:
    """Delete answers that were not fetched: those to persons after `days`, those to jobs after DAYS; how many."""
    gone = 0
    for folder, kept in ((TO_PERSONS, days), (TO_JOBS, DAYS)):
        limit = (now() - timedelta(days=kept)).timestamp()
        for path in home.folder(*folder).glob("*.json"):
            if path.stat().st_mtime < limit:
                path.unlink()
                gone += 1
    return gone


def about(home: Home, request_ids: Collection[str]) -> list[Path]:
    """Files that may tell of whoever made these requests: their answers, and everything that jobs were asked."""
    mine = (for_person(home, request_id) for request_id in request_ids)
    return [p for p in mine if p.exists()] + sorted(home.folder(*TO_JOBS).glob("*.json"))
