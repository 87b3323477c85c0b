"""A disk that remembers: what a process wrote, synced and renamed, in order, and what a power cut leaves of it.

Keep out: what is written, and assertions.

Three disks: `kind` keeps everything that was asked for; `hasty` keeps names at once and content only from fsync on, so
that a renamed file may be empty; `lazy` keeps names too only from the fsync of their folder on. Real ones lie between.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DISKS = ("kind", "hasty", "lazy")


@dataclass
class _File:
    written: bytes = b""
    durable: bytes = b""


_Tree = dict[str, Any]  # name → _File or _Tree's own path is a folder


@dataclass
class Recording:
    """Operations below one folder, oldest first: (what, path, argument)."""

    top: Path
    steps: list[tuple[str, str, Any]] = field(default_factory=list)

    def note(self, what: str, path: Any, argument: Any = None) -> None:
        """Note an operation when it concerns the folder."""
        full = Path(path)
        if full.is_relative_to(self.top):
            self.steps.append((what, str(full.relative_to(self.top)), argument))

    def rename(self, old: Any, new: Any) -> None:
        """Note that a file took a name below the folder."""
        if Path(new).is_relative_to(self.top):
            self.note("replace", old, str(Path(new).relative_to(self.top)))

    def appear(self, path: Path) -> None:
        """Note a file that somebody else wrote, unsynced, and its folder."""
        self.note("mkdir", path.parent)
        self.note("create", path)
        self.note("write", path, path.read_bytes())

    def state(self, base: Path, n: int, disk: str) -> dict[str, bytes | None]:
        """Path → content (None: a folder) of everything below the folder when the power goes after `n` steps."""
        live: dict[str, _File | None] = {}
        for path in base.rglob("*"):
            content = path.read_bytes() if path.is_file() else None
            live[str(path.relative_to(base))] = None if content is None else _File(content, content)
        durable = dict(live)
        for what, path, argument in self.steps[:n]:
            node = live.get(path)
            if what == "mkdir":
                live.setdefault(path, None)
            elif what == "create" or (what == "open" and not isinstance(node, _File)):
                live[path] = _File()
            elif what == "truncate" and isinstance(node, _File):
                node.written = node.written[:argument].ljust(argument, b"\0")
            elif what == "write" and isinstance(node, _File):
                node.written += argument
            elif what == "pwrite" and isinstance(node, _File):
                offset, content = argument
                before = node.written[:offset].ljust(offset, b"\0")
                node.written = before + content + node.written[offset + len(content) :]
            elif what == "fsync" and isinstance(node, _File):
                node.durable = node.written
            elif what == "fsync":
                _settle(live, durable, path)
            elif what == "replace" and path in live:
                live[argument] = live.pop(path)
            elif what == "remove":
                for name in [p for p in live if p == path or p.startswith(path + "/")]:
                    del live[name]
        kept = durable if disk == "lazy" else live
        reachable = {p: node for p, node in kept.items() if all(str(q) in kept for q in list(Path(p).parents)[:-1])}
        return {
            p: None if node is None else (node.written if disk == "kind" else node.durable)
            for p, node in reachable.items()
        }


def _settle(live: dict[str, _File | None], durable: dict[str, _File | None], folder: str) -> None:
    """The entries of one folder become durable, those that are gone too."""
    for names in (live, durable):
        for path in [p for p in names if str(Path(p).parent) == folder]:
            if path in live:
                durable[path] = live[path]
            else:
                for below in [p for p in durable if p == path or p.startswith(path + "/")]:
                    del durable[below]


@contextmanager
def recorded(recording: Recording) -> Iterator[None]:
    """Watch this process's writes, syncs, renames and deletions."""

    def path_of(handle: int) -> str:
        return os.readlink(f"/proc/self/fd/{handle}")

    real = {name: getattr(os, name) for name in ("open", "write", "fsync", "replace", "unlink", "mkdir")}
    copyfile, rmtree = shutil.copyfile, shutil.rmtree

    def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        handle = real["open"](path, flags, *rest, **named)
        if flags & os.O_CREAT:
            recording.note("create", path)
        return handle

    def written(handle: int, content: Any) -> int:
        n = real["write"](handle, content)
        recording.note("write", path_of(handle), bytes(content[:n]))
        return n

    def synced(handle: int) -> None:
        real["fsync"](handle)
        recording.note("fsync", path_of(handle))

    def replaced(old: Any, new: Any) -> None:
        real["replace"](old, new)
        recording.rename(old, new)

    def unlinked(path: Any, **named: Any) -> None:
        real["unlink"](path, **named)
        recording.note("remove", path)

    def made(path: Any, *rest: Any, **named: Any) -> None:
        real["mkdir"](path, *rest, **named)
        recording.note("mkdir", path)

    def copied(source: Any, target: Any) -> Any:
        recording.note("create", target)
        recording.note("write", target, Path(source).read_bytes())
        return copyfile(source, target)

    def removed(path: Any, **named: Any) -> None:
        rmtree(path, **named)
        recording.note("remove", path)

    with pytest.MonkeyPatch.context() as patch:
        for name, watch in (("open", opened), ("write", written), ("fsync", synced), ("replace", replaced),
                            ("unlink", unlinked), ("mkdir", made)):  # fmt: skip
            patch.setattr(os, name, watch)
        patch.setattr(shutil, "copyfile", copied)
        patch.setattr(shutil, "rmtree", removed)
        yield


def lay(state: dict[str, bytes | None], folder: Path) -> None:
    """Write a state into an empty folder."""
    for path, content in sorted(state.items()):
        target = folder / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
