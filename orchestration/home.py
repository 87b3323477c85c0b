"""Where a warehouse lives: the folders of one home, its lock and its clock.

Keep out: what is written into those folders.
"""

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration import formats
from orchestration.errors import HomeLockedError, UsedWronglyError, VoicehouseError
from orchestration.settings import read_toml

HOUSE = """\
# What this home reads and how it tells the time. The environment (VOICEHOUSE_SOURCES, VOICEHOUSE_INBOX,
# VOICEHOUSE_INBOX_POLICY) goes first.

# Folders of sources beside the built-in one.
sources = {sources}

# Where people drop files: a folder, or an address of an object store such as s3://bucket/prefix.
inbox = {inbox}

# What becomes of a file there once its rows are in the lake: keep, move (to done/ in the inbox) or delete.
inbox_policy = {inbox_policy}

# Zone in which days, weeks and months are cut (IANA name).
reporting_tz = {reporting_tz}

# Publication profile: internal, external or open_data (docs/privacy.md).
profile = {profile}

# New figures wait for the sign-off of their privacy report (`voicehouse privacy sign-off`); until then the old are served.
wait_for_sign_off = {wait_for_sign_off}

# Who is told of failed runs, stale sources and missed SLA targets (docs/operate.md); off unless a channel is named.
[alerts]
{alerts}
# PostgreSQL that gets what is served after each good run (docs/bi.md); off unless a schema is named.
[postgres]
{postgres}"""


GLANCE_SECONDS = 0.3  # who asks for the holder has the lock for a moment himself


@dataclass(frozen=True)
class House:
    """Settings of a home, from its `house.toml`."""

    sources: tuple[str, ...] = ()
    inbox: str | None = None
    reporting_tz: str = "UTC"
    profile: str = "internal"
    alerts: Mapping[str, Any] = field(default_factory=dict)
    postgres: Mapping[str, Any] = field(default_factory=dict)
    waits_for_sign_off: bool = False
    inbox_policy: str = "keep"


@dataclass(frozen=True)
class Home:
    """One warehouse on disk. Create it with `Home.open()`; paths are made on demand, closed to others (0700)."""

    root: Path

    @classmethod
    def open(cls, root: Path | str | None = None) -> "Home":
        """The home at `root`, else at VOICEHOUSE_HOME, else `.voicehouse/` here; made when missing.

        Raises VoicehouseError when it was written in another format.
        """
        path = Path(root or os.environ.get("VOICEHOUSE_HOME", ".voicehouse")).resolve()
        # Others may walk through to serving/ if they are of the group; every other folder is closed to them.
        open_to_group(path, 0o710)
        marker = path / "format.json"
        if marker.exists():
            formats.check(formats.HOME, _format_of(marker))
        else:
            write_durably(marker, json.dumps({"format": formats.FORMATS[formats.HOME]}).encode())
        return cls(path)

    @classmethod
    def existing(cls) -> "Home":
        """The same for what only looks at a home, or needs one that is there.

        Raises UsedWronglyError where none is, VoicehouseError where stores lie without the mark of their format.
        """
        path = Path(os.environ.get("VOICEHOUSE_HOME", ".voicehouse")).resolve()
        if not (path / "format.json").exists():
            if any((path / store).exists() for store in ("keys", "vault", "lake")):
                raise VoicehouseError(
                    f"the home at {path} lost its format.json: take it from a backup, or let `voicehouse init` write "
                    "it anew if this release made the home"
                )
            raise UsedWronglyError(
                f"there is no home at {path}: `voicehouse init` makes one, or name another with --home"
            )
        return cls.open(path)

    def folder(self, *parts: str) -> Path:
        """A folder of the home, made with mode 0700, and so are those above it."""
        path = self.root
        for part in parts:
            path = path / part
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def house(self) -> House:
        """The home's settings, the environment's word before its own; defaults where it has none yet."""
        sources = os.environ.get("VOICEHOUSE_SOURCES")
        told = self.told
        return told if sources is None else replace(told, sources=tuple(p for p in sources.split(os.pathsep) if p))

    @property
    def told(self) -> House:
        """What `house.toml` says, and nothing else; defaults where there is none."""
        raw = read_toml(self.root / "house.toml")
        return House(
            tuple(raw.get("sources", [])),
            raw.get("inbox") or None,
            raw.get("reporting_tz", "UTC"),
            raw.get("profile", "internal"),
            raw.get("alerts", {}),
            raw.get("postgres", {}),
            bool(raw.get("wait_for_sign_off", False)),
            str(raw.get("inbox_policy", "keep")),
        )

    def furnish(self, house: House, anew: bool = False) -> None:
        """Write `house.toml` unless the home has one; `anew` writes it in any case."""
        path = self.root / "house.toml"
        if anew or not path.exists():
            quoted = {
                "sources": json.dumps(list(house.sources)),
                "inbox": json.dumps(house.inbox or ""),
                "inbox_policy": json.dumps(house.inbox_policy),
                "reporting_tz": json.dumps(house.reporting_tz),
                "profile": json.dumps(house.profile),
                "wait_for_sign_off": json.dumps(house.waits_for_sign_off),
                "alerts": _lines(house.alerts),
                "postgres": _lines(house.postgres),
            }
            write_durably(path, HOUSE.format(**quoted).encode())

    @property
    def inbox(self) -> str:
        """Where people drop files: VOICEHOUSE_INBOX, else the home's setting, else `inbox/` beside the home."""
        given = os.environ.get("VOICEHOUSE_INBOX") or self.house.inbox or str(self.root.parent / "inbox")
        return given if "://" in given else str(Path(given).resolve())

    @property
    def inbox_policy(self) -> str:
        """What becomes of a file once its rows are in the lake.

        VOICEHOUSE_INBOX_POLICY, else the home's setting, else keep.
        Raises VoicehouseError for another word than keep, move or delete, and where the inbox is an object store.
        """
        given = os.environ.get("VOICEHOUSE_INBOX_POLICY") or self.house.inbox_policy
        if given not in ("keep", "move", "delete"):
            raise VoicehouseError(f"inbox_policy is keep, move or delete, not '{given}'")
        if given != "keep" and "://" in self.inbox:
            raise VoicehouseError(
                "files of an object store stay where they are: set inbox_policy to keep, and let the store expire them"
            )
        return given

    @property
    def lake(self) -> Path:
        return self.folder("lake")

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    def remove_warehouse(self) -> None:
        """Remove the warehouse, durably: before rows it was made from go or change, for none to leave the house by it.

        DuckDB keeps what was deleted in the free blocks of its file. The next run makes another. Looks back go too.
        """
        shutil.rmtree(self.root / "dbt" / "known_at", ignore_errors=True)  # of a look back that broke off
        for path in self.looks_back():
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        self.warehouse.unlink(missing_ok=True)
        self.warehouse.with_name(self.warehouse.name + ".wal").unlink(missing_ok=True)
        sync_folder(self.root)

    def looks_back(self) -> list[Path]:
        """Exact marts as they were known at an instant (modelling.as_known_at)."""
        return sorted((self.root / "known_at").glob("*.duckdb*"))

    @property
    def serving(self) -> Path:
        path = self.root / "serving"
        open_to_group(path, 0o750)
        return path

    @property
    def temp(self) -> Path:
        return self.folder("tmp")

    def holder(self) -> dict[str, Any] | None:
        """Who holds the write lock now (run, pid, since), or None. Does not wait and does not take it."""
        import fcntl

        path = self.root / "lock"
        if not path.exists():
            return None
        with path.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found = json.loads(handle.read() or "{}")
                return {"run": found.get("run", "?"), "pid": found.get("pid", "?"), "since": found.get("since", "?")}
        return None

    @contextmanager
    def writing(self, run: str, wait_seconds: float = 0) -> Iterator[None]:
        """Hold the home's one write lock; the kernel frees it when the process dies, so a lock is never stale.

        Re-entrant within a process tree that passes VOICEHOUSE_LOCK_HELD on. Raises HomeLockedError naming the holder.
        """
        import fcntl

        if os.environ.get("VOICEHOUSE_LOCK_HELD") == str(self.root):
            yield
            return
        path = self.root / "lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + max(wait_seconds, GLANCE_SECONDS)
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        holder = json.loads(path.read_text() or "{}")
                        raise HomeLockedError(
                            f"{holder.get('run', 'another run')} (process {holder.get('pid', '?')}, since "
                            f"{holder.get('since', '?')}) is writing to this home: wait for it to end"
                        ) from None
                    time.sleep(0.1)
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "run": run, "since": now().isoformat()}).encode(), 0)
            os.environ["VOICEHOUSE_LOCK_HELD"] = str(self.root)
            try:
                yield
            finally:
                del os.environ["VOICEHOUSE_LOCK_HELD"]
                os.ftruncate(handle, 0)
        finally:
            os.close(handle)


def open_to_group(folder: Path, mode: int) -> None:
    """Make a folder that the group may enter, whatever the process's umask; one that is there keeps its mode."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)


def _format_of(marker: Path) -> int:
    try:
        return int(json.loads(marker.read_text())["format"])
    except (ValueError, KeyError, TypeError):
        raise VoicehouseError(
            "format.json of the home is damaged: take it from a backup, or delete it if this release made the home"
        ) from None


def _lines(section: Mapping[str, Any]) -> str:
    """Settings of one section as TOML; a table inside it goes on one line."""

    def written(value: Any) -> str:
        if isinstance(value, Mapping):
            return "{ " + ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in value.items()) + " }"
        return json.dumps(value)

    return "".join(f"{key} = {written(value)}\n" for key, value in section.items())


def now() -> datetime:
    """The run clock, UTC, whole milliseconds; VOICEHOUSE_CLOCK (ISO 8601) sets it, for tests and replays."""
    fixed = os.environ.get("VOICEHOUSE_CLOCK")
    instant = datetime.fromisoformat(fixed) if fixed else datetime.now(UTC)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@contextmanager
def environment_set(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes started inside, and only for them."""
    before = {k: os.environ.get(k) for k in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for k, v in before.items():
            if v is None:
                os.environ.pop(k, None)
            else:
                os.environ[k] = v


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that after a power cut it is either absent or whole: temp, fsync, rename, fsync of the folder.

    Of several processes that write it at once each writes its draft alone; the last one's stays.
    """
    draft = path.with_name(f".{path.name}.draft")
    handle = _alone(draft, mode)
    try:
        left = memoryview(content)
        while left:  # a disk that fills takes a part of it, without an error
            left = left[os.write(handle, left) :]
        os.fsync(handle)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    sync_folder(path.parent)


def append_durably(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line to a file of JSON objects: after a death or on a full disk it is there whole, or not at all.

    What a death left of a line is cut off first: nobody was answered on it. A whole one gets the end that an
    editor left out.
    """
    import fcntl

    added = json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        content = path.read_bytes()
        last = content.rpartition(b"\n")[2]
        is_whole = _is_json(last)
        end = len(content) if is_whole else len(content) - len(last)
        left = memoryview(b"\n" + added if is_whole else added)
        os.ftruncate(handle, end)
        try:
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)
    sync_folder(path.parent)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of such a file, oldest first; none where there is no file.

    What a death left of a last line is none, and neither is an empty line.

    Raises VoicehouseError for a line in between that is no JSON.
    """
    *whole, last = path.read_bytes().split(b"\n") if path.exists() else [b""]
    if _is_json(last):  # an editor left its end out
        whole.append(last)
    found = []
    for number, raw in enumerate(whole, 1):
        if not raw.strip():
            continue
        try:
            found.append(json.loads(raw))
        except ValueError:  # no JSON, no UTF-8
            raise VoicehouseError(
                f"line {number} of {path.name} in the home is damaged: remove that line, or take the file from a backup"
            ) from None
    return found


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:  # no JSON, no UTF-8
        return False
    return True


def _alone(draft: Path, mode: int) -> int:
    """A draft, open and empty, that no other process writes: one name, so that what a death leaves is written over."""
    import fcntl

    while True:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT, mode)
        fcntl.flock(handle, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), draft.stat()):
                os.ftruncate(handle, 0)
                return handle
        os.close(handle)  # another process's, which has taken its place meanwhile


def place_durably(draft: Path, path: Path, mode: int = 0o600) -> None:
    """Let a file that is written take the place of another, so that after a power cut either is there whole."""
    os.chmod(draft, mode)
    _sync(draft)
    os.replace(draft, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    _sync(folder)


def sync_paths(paths: Iterable[Path], top: Path) -> None:
    """Make files, then the entries of every folder from them up to `top`, durable; a folder that many share once."""
    folders: set[Path] = set()
    for path in paths:
        _sync(path)
        folders.update(folder for folder in path.parents if folder.is_relative_to(top))
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        sync_folder(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
