"""Extraction: a source's pages, sealed one by one, into the landing folder through dlt, with its cursor.

Keep out: opening pages (pages.py) and what sources do.
"""

import copy
import json
import logging
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.errors import ContractError, SourceError, TransientSourceError, is_disk_full
from orchestration.home import Home, environment_set, sync_folder, sync_paths, write_durably
from orchestration.landing import inbox, pages, unread
from orchestration.landing.names import file_ids
from orchestration.landing.seal import seal
from orchestration.logs import event
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Page, Settings, Window
from orchestration.sources.registry import extractor

MOST_PROBLEMS = 5  # told one by one; the others are counted


@dataclass(frozen=True)
class Extraction:
    """What one extraction brought: the load it made (None: nothing new), pages and bytes sealed, a failure's text.

    A failure beside a load: single files could not be read, or not wholly; everything else of the source came.
    """

    source: str
    load_id: str | None
    pages: int
    sealed_bytes: int
    failure: str | None = None
    is_transient: bool = False  # the failure may be over in a while


def extract(home: Home, keyring: Keyring, settings: Settings, window: Window, started_at: datetime) -> Extraction:
    """Ask one source for what is new and seal it. A failing source gives an Extraction with `failure`, no exception.

    Damaged files are named by their keyed ids (names.py); they are told once, and read again when they change.

    Nothing of a failed extraction is kept and its cursor does not move: the next run asks again. Only when the disk
    fails after the source's last page, the pages wait with dlt, sealed, and the next run loads them.
    """
    load_id = f"{started_at:%Y%m%dT%H%M%S}{started_at.microsecond // 1000:03d}-{secrets.token_hex(3)}-{settings.name}"
    file_id = file_ids(keyring, settings.name)
    whole: dict[str, str] = {}
    settings = replace(settings, inbox=home.inbox, file_id=file_id, read_whole=whole.__setitem__)
    counted = {"pages": 0, "bytes": 0}
    problem: list[SourceError | ContractError] = []
    told: list[tuple[str, str]] = []
    read: set[str] = set()
    reached = ["before its first page"]

    def sealed_pages(state: dict[str, Any]) -> Iterator[pa.Table]:
        try:
            for number, (page, is_last) in enumerate(_with_last(extractor(settings)(settings, state, window))):
                file = file_id(page.file) if page.file else ""
                read.add(file)
                key = keyring.key(f"landing:{load_id}")  # made with the first page
                value = seal(page, key, settings.name, load_id, number, file, is_last)
                counted["pages"] += 1
                counted["bytes"] += len(value)
                reached[0] = f"after page {number + 1}, of file {file}" if file else f"after page {number + 1}"
                if page.problem:
                    told.append((file, page.problem))
                yield pa.table(
                    {
                        "load_id": pa.array([load_id]),
                        "stream": pa.array([page.stream]),
                        "number": pa.array([number], pa.int64()),
                        "sealed": pa.array([value], pa.binary()),
                    }
                )
            if whole and home.inbox_policy != "keep":
                inbox.note(home, load_id, whole, counted["pages"])
        except (SourceError, ContractError) as error:
            problem.append(error)
            raise

    failure, is_transient = None, False
    with _quiet_dlt():
        from dlt.common.exceptions import DltException
        from requests import RequestException

        try:
            _run_dlt(home, settings.name, sealed_pages, window)
        except (SourceError, ContractError) as error:
            failure, is_transient = str(error), isinstance(error, TransientSourceError)
        except (DltException, RequestException, OSError, ValueError, RuntimeError) as error:
            # Only our own errors are free of values: of any other no more than its name is told.
            failure = (
                f"{settings.name}: {_innermost(error)} while extracting, {reached[0]}: run again, and if it stays check "
                "the network, the source's extract.py and what it reads"
            )
            if problem:
                failure = str(problem[0])
            elif is_disk_full(error):
                failure = f"{settings.name}: the disk is full: free space, then run again"
            is_transient = isinstance(problem[0] if problem else error, TransientSourceError | RequestException)
        # Pages that dlt has taken over are loaded by the next run, which needs their key.
        is_waiting = bool(failure and counted["pages"]) and _pipeline(home, settings.name).has_pending_data
    if not failure:
        _forget_keys(home, keyring, settings.name)
    if failure or not counted["pages"]:
        if not is_waiting:
            keyring.drop(f"landing:{load_id}")
        return Extraction(settings.name, None, 0, 0, failure, is_transient)
    for file, reason in told:
        event("file.unread", logging.WARNING, source=settings.name, load=load_id, file=file, reason=reason)
    unread.note(home, settings.name, read, told)
    if told:
        left = len(told) - MOST_PROBLEMS
        more = [f"and {left} more files: `voicehouse status --files` lists them"] if left > 0 else []
        failure = f"{settings.name}: " + "; ".join([*(reason for _, reason in told[:MOST_PROBLEMS]), *more])
    return Extraction(settings.name, load_id, counted["pages"], counted["bytes"], failure)


def waiting(home: Home) -> list[str]:
    """Sources whose pages dlt holds still since the disk failed or the process died: the next run loads them."""
    known = [p.name.removeprefix("landing_") for p in home.folder("dlt").glob("landing_*")]
    with _quiet_dlt():
        return sorted(source for source in known if _pipeline(home, source).has_pending_data)


def _with_last(extracted: Iterable[Page]) -> Iterator[tuple[Page, bool]]:
    """Every page, and whether it is the last one."""
    before: Page | None = None
    for page in extracted:
        if before is not None:
            yield before, False
        before = page
    if before is not None:
        yield before, True


def _innermost(error: BaseException) -> str:
    """Name of the error that began it all; its text may quote data."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return type(error).__name__


def _run_dlt(home: Home, source: str, sealed_pages: Any, window: Window) -> None:
    """Packages left by a crash are loaded first, then extraction goes on."""
    import dlt

    cursor = _begin(home, source)
    pipeline = _pipeline(home, source)

    @dlt.resource(name="pages", write_disposition="append")
    def landing_pages() -> Iterator[pa.Table]:
        kept = dlt.current.resource_state()
        if cursor is not None:
            kept.clear()
            kept.update(cursor)
        # A backfill reads what it is asked for and leaves the cursor where it was.
        state = copy.deepcopy(dict(kept)) if window.is_backfill else kept
        yield from sealed_pages(state)

    _forget_unfinished(home, source)
    is_pending = pipeline.has_pending_data
    _forget_torn(home, source, is_pending)
    try:
        if is_pending:
            pipeline.run()
        pipeline.run(landing_pages(), loader_file_format="parquet")
        _settle(home, source)
    finally:
        _forget_unfinished(home, source)


def boot() -> str:
    """Which start of the machine this is: what was written before it and never synced may be gone, or there by half."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def _begin(home: Home, source: str) -> dict[str, Any] | None:
    """Note durably where an extraction begins; the note goes when all it brought is on the disk.

    A note found here is of an extraction that broke off. If the machine ran on, what it wrote is there and dlt goes on
    with it. Else its cursor may be there without its pages: all of it is forgotten; returns the cursor to begin at.
    """
    note = _begun(home, source)
    before = json.loads(note.read_text()) if note.exists() else None
    if before and before["boot"] == boot():
        return None
    landing = home.folder("landing") / source
    if before:
        shutil.rmtree(home.folder("dlt") / f"landing_{source}", ignore_errors=True)
        for path in landing.glob("*/*"):  # pages, and dlt's own notes, which it writes anew
            if path.parent.name != "pages" or path.name not in before["pages"]:
                path.unlink()
        if not before["pages"]:
            shutil.rmtree(landing, ignore_errors=True)
    content = before or {"cursor": _cursor(home, source), "pages": [p.name for p in (landing / "pages").glob("*")]}
    write_durably(note, json.dumps({**content, "boot": boot()}).encode())
    sync_paths([note], home.root)
    return content["cursor"] if before else None


def _begun(home: Home, source: str) -> Path:
    return home.folder("landing", "_begun") / f"{source}.json"


def _cursor(home: Home, source: str) -> dict[str, Any]:
    """How far a source was read, as dlt keeps it; empty before the first time."""
    path = home.folder("dlt") / f"landing_{source}" / "state.json"
    state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found: dict[str, Any] = state.get("sources", {}).get(f"landing_{source}", {}).get("resources", {}).get("pages", {})
    return found


def _settle(home: Home, source: str) -> None:
    """Bring pages, then the cursor that passed them, to the disk itself, which dlt leaves to the system.

    It is done then.
    """
    since = time.time() - 24 * 3600  # older files have long been settled
    for folder in (home.folder("landing") / source, home.folder("dlt") / f"landing_{source}"):
        fresh = (p for p in folder.rglob("*") if p.is_file() and p.stat().st_mtime > since)
        sync_paths(fresh, home.root)
    note = _begun(home, source)
    note.unlink()
    sync_folder(note.parent)


def _forget_keys(home: Home, keyring: Keyring, source: str) -> None:
    """Drop the keys of a source's loads that have no page: they died before they came to the disk.

    Called when all that dlt held is in landing; torn pages keep every key, and are told by the gate.
    """
    try:
        kept = {f"landing:{load.load_id}" for load in pages.loads(home, source)}
    except SourceError:
        return
    for purpose in keyring.purposes():
        if purpose.startswith("landing:") and purpose.endswith(f"-{source}") and purpose not in kept:
            pages.forget(home, keyring, purpose.removeprefix("landing:"))


def _pipeline(home: Home, source: str) -> Any:
    """One dlt pipeline per source."""
    import dlt
    from dlt.destinations import filesystem

    return dlt.pipeline(
        pipeline_name=f"landing_{source}",
        destination=filesystem(bucket_url=home.folder("landing").as_uri()),
        dataset_name=source,
        pipelines_dir=str(home.folder("dlt")),
        progress=None,
    )


def _forget_unfinished(home: Home, source: str) -> None:
    """Remove what dlt leaves behind: pages of an extraction that never ended, and its trace, which quotes errors."""
    folder = home.folder("dlt") / f"landing_{source}"
    (folder / "trace.pickle").unlink(missing_ok=True)
    for path in (folder / "normalize").glob("*"):
        # dlt extracts into a folder with a random name and moves what is complete to `extracted`.
        if path.is_dir() and path.name != "extracted":
            shutil.rmtree(path)


def _forget_torn(home: Home, source: str, is_pending: bool) -> None:
    """Remove what a full disk cut short in landing: dlt's own notes, which it writes anew, and pages it still holds."""
    folder = home.folder("landing") / source
    for path in folder.glob("_dlt*/*.jsonl"):
        try:
            for line in path.read_bytes().splitlines():
                json.loads(line)
        except ValueError:
            path.unlink()
    for path in (folder / "pages").glob("*.parquet") if is_pending else ():
        if not pages.is_whole(path):
            path.unlink()


@contextmanager
def _quiet_dlt() -> Iterator[None]:
    """dlt with small buffers (a row is a page of megabytes) and without its own log of data."""
    wanted = {
        "DATA_WRITER__BUFFER_MAX_ITEMS": "4",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "SCHEMA__NAMING": "direct",
        "NORMALIZE__WORKERS": "1",
        "LOAD__WORKERS": "2",
        "LOAD__DELETE_COMPLETED_JOBS": "true",
    }
    with environment_set(wanted):
        yield
