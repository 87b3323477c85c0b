"""Sealed pages on disk: which loads wait, opening one, expiry.

Keep out: sealing (seal.py) and extracting (extract.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from orchestration.errors import SourceError, VoicehouseError
from orchestration.home import Home
from orchestration.landing.seal import open_page
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Page


@dataclass(frozen=True)
class Load:
    """One load in landing."""

    source: str
    load_id: str

    @property
    def started_at(self) -> datetime:
        return datetime.strptime(self.load_id[:18], "%Y%m%dT%H%M%S%f")


def loads(home: Home, source: str) -> list[Load]:
    """Every load of a source that lies in landing, oldest first.

    Raises SourceError when a file of pages is not whole: what it held has to be asked for again.
    """
    found: set[str] = set()
    for path in _files(home, source):
        if not is_whole(path):
            raise SourceError(
                f"{source}: pages in landing are torn ({path.name}): remove the file, then ask again with --since"
            )
        found.update(pq.read_table(path, columns=["load_id"])["load_id"].to_pylist())
    return [Load(source, load_id) for load_id in sorted(found)]


def open_load(home: Home, keyring: Keyring, load: Load) -> Iterator[Page]:
    """Pages of a load in their order, opened in memory."""
    purpose = f"landing:{load.load_id}"
    if purpose not in keyring.purposes():
        raise VoicehouseError(f"{load.source}: the key of load {load.load_id} is gone: its pages can never be opened")
    key = keyring.key(purpose)
    first: dict[Path, int] = {}
    for path in _files(home, load.source):
        table = pq.read_table(path, columns=["load_id", "number"], filters=[("load_id", "=", load.load_id)])
        if table.num_rows:
            first[path] = min(table["number"].to_pylist())
    for path in sorted(first, key=lambda p: first[p]):
        # A page is megabytes: one at a time.
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1, columns=["load_id", "stream", "number", "sealed"]):
            load_id, stream, number, sealed = (batch.column(i)[0].as_py() for i in range(4))
            if load_id == load.load_id:
                yield open_page(sealed, key, load.source, load.load_id, stream, number)


def expire(home: Home, keyring: Keyring, source: str, now: datetime, days: int) -> list[str]:
    """Drop the keys of loads older than `days` and delete files that hold nothing else; returns their ids."""
    limit = now.replace(tzinfo=None) - timedelta(days=days)
    old = {load.load_id for load in loads(home, source) if load.started_at < limit}
    for load_id in sorted(old):
        keyring.drop(f"landing:{load_id}")
        for path in refusals(home).glob(f"{load_id}.*"):
            path.unlink()
    for path in _files(home, source):
        if set(pq.read_table(path, columns=["load_id"])["load_id"].to_pylist()) <= old:
            path.unlink()
    return sorted(old)


def refusals(home: Home) -> Path:
    """Where lists of rows refused for want of consent lie, as long as the pages they came from."""
    return home.folder("landing", "_refused")


def is_whole(path: Path) -> bool:
    """Whether a file of pages was written to its end."""
    with path.open("rb") as handle:
        if handle.seek(0, 2) < 8:
            return False
        handle.seek(-4, 2)
        return handle.read() == b"PAR1"


def _files(home: Home, source: str) -> list[Path]:
    return sorted((home.folder("landing") / source / "pages").glob("*.parquet"))
