"""What becomes of a file in the inbox that was read whole, once its rows are in the lake: it goes as the home says.

Keep out: reading files (orchestration.sources.files). Names of files are never noted, only their keyed ids.
"""

import json
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.errors import SourceError
from orchestration.home import Home, sync_folder, write_durably
from orchestration.landing.names import file_ids
from orchestration.landing.pages import Load
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Settings
from orchestration.sources.files import DONE, fingerprint, listed


@dataclass(frozen=True)
class _Reader:
    """One way to a file: a source's stream whose pattern it fits. load_id: which load read it as it is now, if any."""

    settings: Settings
    name: str
    key: str
    item: Any
    load_id: str | None


def note(home: Home, load_id: str, files: Mapping[str, str], n_pages: int) -> None:
    """Note which files a load holds whole (keyed id and fingerprint), before any of its pages can reach the lake."""
    content = {"files": dict(files), "pages": n_pages}
    write_durably(_notes(home) / f"{load_id}.json", json.dumps(content).encode())


def tidy(
    home: Home, keyring: Keyring, sources: Iterable[Settings], good: Collection[str], oldest: datetime
) -> dict[str, str]:
    """Move or delete the files whose loads are `good`; returns, by source, a sentence on what could not be.

    A file goes when every source and stream whose pattern it fits has read it whole, as it is now. One that is reached
    by a link stays. Other loads keep their notes until they are older than `oldest` (naive UTC): they may turn good.
    """
    inbox = Path(home.inbox)
    if not inbox.is_dir():
        return {}
    notes = {path: json.loads(path.read_text()) for path in sorted(_notes(home).glob("*.json"))}
    ready = {path: n["files"] for path, n in notes.items() if path.stem in good or not n["pages"]}
    for path in notes.keys() - ready.keys():
        if Load("", path.stem).started_at < oldest:
            path.unlink()
    if not ready:
        return {}
    readers = _readers(home, keyring, sources, ready)
    problems: dict[str, str] = {}
    for path, ways in readers.items():
        if all(way.load_id for way in ways) and _is_still(path, ways[0].item):
            try:
                _let_go(inbox, path, str(ways[0].load_id), home.inbox_policy)
                ways.clear()
            except OSError:
                told, name = ways[0].settings, ways[0].name
                problems[told.name] = (
                    f"{told.name}: file {told.file_id(name)}: is in the lake and could not be "
                    f"{'moved' if home.inbox_policy == 'move' else 'deleted'}: let this user write to the inbox"
                )
    left = {(way.key, fingerprint(way.item)) for ways in readers.values() for way in ways}
    for path, files in ready.items():
        if left.isdisjoint(files.items()):
            path.unlink()
    return problems


def _readers(
    home: Home, keyring: Keyring, sources: Iterable[Settings], ready: Mapping[Path, Mapping[str, str]]
) -> dict[Path, list[_Reader]]:
    """Every file in the inbox that some stream's pattern fits, with the ways to it."""
    read = {item: path.stem for path, files in ready.items() for item in files.items()}
    found: dict[Path, list[_Reader]] = {}
    for settings in sources:
        here = replace(settings, inbox=home.inbox, file_id=file_ids(keyring, settings.name))
        for stream in (s for s in settings.streams.values() if s.is_dropped):
            try:
                items = [(name, item) for name, item in listed(here, stream) if not isinstance(item, str)]
            except SourceError:
                continue  # nobody can have read by such a pattern; its source was told when it was asked
            for name, item in items:
                path, key = Path(home.inbox) / name, here.file_id(f"{stream.name}/{name}")
                real = path.resolve()
                load_id = read.get((key, fingerprint(item))) if path == real else None
                found.setdefault(real, []).append(_Reader(here, name, key, item, load_id))
    return found


def _is_still(path: Path, item: Any) -> bool:
    """Whether a file is as it was listed a moment ago."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    told = item["modification_date"].timestamp()  # in microseconds
    return now.st_size == item["size_in_bytes"] and abs(now.st_mtime - told) < 1e-5


def _let_go(inbox: Path, path: Path, load_id: str, policy: str) -> None:
    """Take a file out of the sources' sight, durably; a name that is taken gains the load's id. Raises OSError."""
    if policy == "delete":
        path.unlink()
    else:
        target = inbox / DONE / path.relative_to(inbox)
        _open_as(inbox, target.parent)
        if target.exists():
            target = target.with_name(f"{target.stem}.{load_id}{target.suffix}")
        if target.exists():
            raise FileExistsError
        path.rename(target)
        sync_folder(target.parent)
    sync_folder(path.parent)


def _open_as(inbox: Path, folder: Path) -> None:
    """Make a folder of the inbox that those may open who may open the inbox, whatever the process's umask."""
    if not folder.is_dir():
        _open_as(inbox, folder.parent)
        folder.mkdir()
        folder.chmod(stat.S_IMODE(inbox.stat().st_mode))


def _notes(home: Home) -> Path:
    return home.folder("landing", "_read")
