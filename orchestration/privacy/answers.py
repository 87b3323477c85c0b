"""Answers to persons and to jobs, sealed, a file each until somebody fetches them (`voicehouse answer`); gone soon.

Keep out: what stands in them (access.py, reidentification.py). No backup holds them, and an erasure takes them along,
and so it does what a death left of one half written, beside it in its folder.
"""

import json
import secrets
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.privacy.keys import Keyring

TO_PERSONS, TO_JOBS = ("ops", "copies"), ("ops", "answers")
DAYS = 1  # what a job was asked for is fetched at once, or asked for again
KEY = "answers"
FORMAT = b"voicehouse answer 1\n"  # first in each file; then 12 bytes of nonce and the ciphertext, bound to its name
SUFFIX = ".sealed"


def for_person(home: Home, request_id: str) -> Path:
    """Where the answer to a request lies."""
    return home.folder(*TO_PERSONS) / f"{request_id}{SUFFIX}"


def for_job(home: Home, run: str) -> Path:
    """Where the answer to a job lies."""
    return home.folder(*TO_JOBS) / f"{run}{SUFFIX}"


def write(path: Path, keyring: Keyring, operation: str, found: Any, agent_key: str = "") -> None:
    """Write an answer, sealed. `operation`: whose roles may read it; `agent_key`: whose work list it is."""
    told = {"operation": operation, "agent_key": agent_key, "found": found}
    write_durably(path, _seal(json.dumps(told, ensure_ascii=False, default=str).encode(), keyring.key(KEY), path.name))


def read(home: Home, keyring: Keyring, number: str) -> dict[str, Any]:
    """What was written under the number of a request or a run: `operation`, `agent_key`, `found`.

    Raises VoicehouseError where there is none, or it does not open.
    """
    places = (for_person(home, number), for_job(home, number)) if number.replace("-", "").isalnum() else ()
    for path in places:
        if path.exists():
            told: dict[str, Any] = json.loads(_open(path.read_bytes(), keyring.key(KEY), path.name))
            return told
    raise VoicehouseError(
        "no answer waits under that number: it is the request's or the run's, and answers go with their term"
    )


def sealed_anew(home: Home, keyring: Keyring, key: bytes) -> dict[Path, Path]:
    """Every whole answer once more under another key: drafts, and where they belong."""
    moves: dict[Path, Path] = {}
    for folder in (TO_PERSONS, TO_JOBS):
        for path in [p for p in _files(home, folder) if p.suffix == SUFFIX]:
            draft = path.with_name(f".{path.name}.rotated")
            write_durably(draft, _seal(_open(path.read_bytes(), keyring.key(KEY), path.name), key, path.name))
            moves[draft] = path
    return moves


def in_the_clear(home: Home) -> tuple[int, int]:
    """How many answers lie in the home, whole or not, and how many of them are not sealed."""
    heads = [p.read_bytes()[: len(FORMAT)] for folder in (TO_PERSONS, TO_JOBS) for p in _files(home, folder)]
    return len(heads), sum(not FORMAT.startswith(head) for head in heads)


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
    to_them = [p for p in _files(home, TO_PERSONS) if p.name.removeprefix(".").split(".")[0] in request_ids]
    return to_them + [p for p in _files(home, TO_JOBS) if until is None or _written(p) <= until]


def _seal(content: bytes, key: bytes, name: str) -> bytes:
    nonce = secrets.token_bytes(12)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, content, FORMAT + name.encode())


def _open(sealed: bytes, key: bytes, name: str) -> bytes:
    nonce, rest = sealed[len(FORMAT) :][:12], sealed[len(FORMAT) + 12 :]
    try:
        return AESGCM(key).decrypt(nonce, rest, FORMAT + name.encode())
    except (InvalidTag, ValueError):
        raise VoicehouseError(
            "the answer does not open, for it was changed or moved, or its key is another: remove it and ask again"
        ) from None


def _files(home: Home, folder: tuple[str, ...]) -> Iterator[Path]:
    """Whole answers, and drafts that a death left."""
    return (p for p in sorted(home.folder(*folder).iterdir()) if p.is_file())


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
