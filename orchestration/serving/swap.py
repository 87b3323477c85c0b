"""Putting a finished file in the place of the served one, whole or not at all.

Keep out: what is in the file.
"""

import os
from pathlib import Path

from orchestration.errors import VoicehouseError
from orchestration.home import sync_folder


def swap(draft: Path, served: Path, mode: int) -> None:
    """Replace `served` by the closed file `draft`, durably; readers of the old file keep it until they close it.

    Raises VoicehouseError when the draft still has a write-ahead log, which means that somebody has it open.
    """
    for log in (wal(draft), wal(served)):
        if log.exists() and log.stat().st_size:
            raise VoicehouseError(f"{log.name} is still there: the file beside it is open for writing")
        log.unlink(missing_ok=True)
    os.chmod(draft, mode)
    sync_file(draft)
    os.replace(draft, served)
    sync_folder(served.parent)


def sync_file(path: Path) -> None:
    """Make a closed file's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard(draft: Path) -> None:
    """Remove a draft and its log."""
    draft.unlink(missing_ok=True)
    wal(draft).unlink(missing_ok=True)


def wal(path: Path) -> Path:
    """The write-ahead log that DuckDB keeps beside an open file."""
    return path.with_name(path.name + ".wal")
