"""Sealed pages on disk: which loads wait, opening one, other keys for all, expiry.

Keep out: sealing (seal.py) and extracting (extract.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import SourceError
from orchestration.home import Home
from orchestration.landing.seal import open_page, opens, reseal
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Page

KEY = "landing:"  # purpose of a load's key, before its id
DAMAGED = (pa.ArrowException, LookupError, OSError, ValueError)  # what Arrow raises where bytes of a file were changed


@dataclass(frozen=True)
class Load:
    """One load in landing."""

    source: str
    load_id: str

    @property
    def started_at(self) -> datetime:
        return datetime.strptime(self.load_id[:18], "%Y%m%dT%H%M%S%f")


def sources(home: Home) -> list[str]:
    """Every source of which something lies in landing, also one that is no longer asked."""
    return sorted(p.name for p in home.folder("landing").iterdir() if p.is_dir() and not p.name.startswith("_"))


def loads(home: Home, source: str) -> list[Load]:
    """Every load of a source that lies in landing, oldest first.

    Raises SourceError when a file of pages is not whole: what it held has to be asked for again.
    """
    found: set[str] = set()
    for path in _files(home, source):
        found.update(_load_ids(path, source))
    return [Load(source, load_id) for load_id in sorted(found)]


def open_load(home: Home, keyring: Keyring, load: Load) -> Iterator[Page]:
    """Pages of a load in their order, opened in memory.

    Raises SourceError where the key is gone, or one of them was changed, moved or taken away.
    """
    first: dict[Path, int] = {}
    for path in _files(home, load.source):
        # Without a filter: that would trust the file's own statistics.
        places = _columns(path, load.source, "load_id", "number")
        numbers = [n for load_id, n in zip(*places, strict=True) if load_id == load.load_id]
        if numbers:
            first[path] = min(numbers)
    files = ", ".join(sorted(path.name for path in first))
    purpose = f"landing:{load.load_id}"
    if purpose not in keyring.purposes():
        raise SourceError(
            f"{load.source}: the key of load {load.load_id} is gone, its pages can never be opened: remove {files} from "
            "landing, then ask again with --since"
        )
    key = keyring.key(purpose)
    awaited, is_last = 0, False
    for path in sorted(first, key=lambda p: first[p]):
        for stream, number, sealed in _sealed(path, load):
            if number != awaited:
                raise _missing(load, awaited, files)
            page, is_last = open_page(sealed, key, load.source, load.load_id, stream, number, path.name)
            awaited += 1
            yield page
    if not is_last:
        raise _missing(load, awaited, files)


def _missing(load: Load, number: int, files: str) -> SourceError:
    return SourceError(
        f"{load.source}: page {number} of load {load.load_id} is missing: remove {files} from landing, then ask again "
        "with --since"
    )


def first_values(home: Home, keyring: Keyring, source: str) -> Iterator[tuple[bytes, bool]]:
    """First value of every file of pages, and whether it opens with its load's key; no value where there is none."""
    columns = {"load_id", "stream", "number", "sealed"}
    for path in _files(home, source):
        try:
            file = pq.ParquetFile(path, buffer_size=1 << 20)
            if set(file.schema_arrow.names) - {"_dlt_load_id", "_dlt_id"} != columns:
                yield b"other columns", False
                continue
            (row,) = next(file.iter_batches(batch_size=1, columns=sorted(columns))).to_pylist()
        except (*DAMAGED, StopIteration):
            with path.open("rb") as handle:
                head = handle.read(512)
            yield (b"" if head[:4] == b"PAR1" else head), False
            continue
        purpose = f"{KEY}{row['load_id']}"
        given = source, row["load_id"], row["stream"], row["number"]
        yield row["sealed"], purpose in keyring.purposes() and opens(row["sealed"], keyring.key(purpose), *given)


def sealed_anew(home: Home, keyring: Keyring, fresh: Mapping[str, bytes]) -> dict[Path, Path]:
    """Every file of pages once more, under `fresh` keys of its loads (by purpose): drafts, and where they belong.

    Raises SourceError when a file of pages is not whole.
    """
    moves: dict[Path, Path] = {}
    for source in sources(home):
        for path in _files(home, source):
            _load_ids(path, source)
            draft = path.with_name(f"{path.name}.rotated")
            with pq.ParquetWriter(draft, pq.read_schema(path)) as writer:
                for batch in _batches(path, source):
                    writer.write_batch(_under(batch, keyring, fresh, source))
            moves[draft] = path
    return moves


def _under(batch: pa.RecordBatch, keyring: Keyring, fresh: Mapping[str, bytes], source: str) -> pa.RecordBatch:
    """One page as its file holds it, under the fresh key of its load."""
    (row,) = batch.to_pylist()
    purpose = f"{KEY}{row['load_id']}"
    if purpose in fresh:
        keys = keyring.key(purpose), fresh[purpose]
        row["sealed"] = reseal(row["sealed"], *keys, source, row["load_id"], row["stream"], row["number"])
    return pa.RecordBatch.from_pylist([row], schema=batch.schema)


def expire(home: Home, keyring: Keyring, source: str, now: datetime, days: int) -> list[str]:
    """Drop the keys of loads older than `days` and delete files that hold nothing else; returns their ids."""
    limit = now.replace(tzinfo=None) - timedelta(days=days)
    # Keys and refused rows go by the load's own time, whether its pages can be read, or are there, or not.
    sealed = {p.removeprefix(KEY) for p in keyring.purposes() if p.startswith(KEY) and p.endswith(f"-{source}")}
    for load_id in sealed | {load.load_id for load in refused_loads(home) if load.source == source}:
        if Load(source, load_id).started_at < limit:
            forget(home, keyring, load_id)
    old = {load.load_id for load in loads(home, source) if load.started_at < limit}
    for path in _files(home, source):
        if set(_load_ids(path, source)) <= old:
            path.unlink()
    return sorted(old)


def forget(home: Home, keyring: Keyring, load_id: str) -> None:
    """Drop the key of a load and what waits of it under that key."""
    keyring.drop(f"{KEY}{load_id}")
    for path in refusals(home).glob(f"*{load_id}.*"):
        path.unlink()


def refusals(home: Home) -> Path:
    """Where rows refused for want of consent and their lists lie, as long as the pages they came from."""
    return home.folder("landing", "_refused")


def refused_loads(home: Home) -> set[Load]:
    """Every load of which something lies among the refusals."""
    ids = {path.name.lstrip(".").partition(".")[0] for path in refusals(home).iterdir()}
    return {Load(source_of(load_id), load_id) for load_id in ids}


def source_of(load_id: str) -> str:
    """The source that a load's id names."""
    return load_id.split("-", 2)[2]


def is_whole(path: Path) -> bool:
    """Whether a file of pages was written to its end."""
    with path.open("rb") as handle:
        if handle.seek(0, 2) < 8:
            return False
        handle.seek(-4, 2)
        return handle.read() == b"PAR1"


def _load_ids(path: Path, source: str) -> list[str]:
    (load_ids,) = _columns(path, source, "load_id")
    return load_ids


def _columns(path: Path, source: str, *names: str) -> list[list[Any]]:
    """Columns of a file of pages, whole: its own statistics are trusted nowhere, which anybody could have changed.

    Raises SourceError when the file is not whole: what it held has to be asked for again.
    """
    try:
        table = pq.ParquetFile(path).read(columns=list(names))
        columns = [table[name].to_pylist() for name in names]
    except DAMAGED:
        raise _torn(path, source) from None
    if not table.num_rows:
        raise _torn(path, source)
    return columns


def _sealed(path: Path, load: Load) -> Iterator[tuple[str, int, bytes]]:
    """Stream, number and sealed value of a load's pages in one file."""
    for batch in _batches(path, load.source, ["load_id", "stream", "number", "sealed"]):
        load_id, stream, number, sealed = (batch.column(i)[0].as_py() for i in range(4))
        if load_id == load.load_id:
            yield stream, number, sealed


def _batches(path: Path, source: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The pages of one file. A page is megabytes: one at a time."""
    try:
        yield from pq.ParquetFile(path).iter_batches(batch_size=1, columns=columns)
    except DAMAGED:
        raise _torn(path, source) from None


def _torn(path: Path, source: str) -> SourceError:
    return SourceError(
        f"{source}: pages in landing are torn ({path.name}): remove the file, then ask again with --since"
    )


def _files(home: Home, source: str) -> list[Path]:
    return sorted((home.folder("landing") / source / "pages").glob("*.parquet"))
