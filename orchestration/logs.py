"""Structured logs with the ids of run, source and load, and the boundary at which a foreign error loses its text.

Keep out: values of anybody's data: events carry names, ids and counts. VOICEHOUSE_LOG=json or text turns them on, on
standard error.
"""

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from orchestration.errors import UsedWronglyError, VoicehouseError, is_disk_full, is_out_of_memory

PACKAGE = Path(__file__).parent
FORMS = ("json", "text")
_log = logging.getLogger("voicehouse")
_ids: ContextVar[dict[str, str] | None] = ContextVar("ids", default=None)


def configure() -> None:
    """Write events to standard error in the form that VOICEHOUSE_LOG names; without it nothing is written."""
    form = os.environ.get("VOICEHOUSE_LOG", "").lower()
    if form and form not in FORMS:
        raise UsedWronglyError(f"VOICEHOUSE_LOG is one of {', '.join(FORMS)}, not '{form}'")
    _log.propagate = False
    _log.handlers = [_handler(form)] if form else [logging.NullHandler()]
    _log.setLevel(logging.INFO)


def _handler(form: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    return handler


class _Json(logging.Formatter):
    """One JSON object a line: at, level, event, then ids and counts."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = getattr(record, "fields", {})
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **fields}
        return json.dumps(line, ensure_ascii=False, default=str)


class _Text(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        fields = " ".join(f"{k}={v}" for k, v in getattr(record, "fields", {}).items())
        return f"{at} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()


@contextmanager
def ids(**names: str | None) -> Iterator[None]:
    """Events written inside carry these ids (run, source, load), and so does that of a step which fails inside."""
    known = {**(_ids.get() or {}), **{k: v for k, v in names.items() if v}}
    token = _ids.set(known)
    try:
        yield
    except Exception as error:
        vars(error).setdefault("ids", known)
        raise
    finally:
        _ids.reset(token)


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Write one event: names, ids and counts only."""
    if not _log.handlers:
        configure()
    _log.log(level, name, extra={"fields": {**(_ids.get() or {}), **fields}})


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Write an event with the seconds by the clock that the block took, also where it failed."""
    started = time.monotonic()
    try:
        yield
    finally:
        event(name, seconds=round(time.monotonic() - started, 3))


class Step:
    """One step of a run: its beginning, end and failure are events; an error that is not ours leaves without its text.

    Foreign errors may quote data. What leaves instead names the step, the kind of error and the place in the code, or
    says that the disk is full or memory too little.
    """

    def __init__(self, name: str, run: str, source: str | None = None, ours: tuple[type[BaseException], ...] = ()):
        self._name = name
        self._ours: tuple[type[BaseException], ...] = (VoicehouseError, *ours)
        self._ids = ids(run=run, source=source)

    def __enter__(self) -> "Step":
        self._ids.__enter__()
        event(f"{self._name}.started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                event(f"{self._name}.done")
                return
            inside = vars(error).get("ids", {})
            event(f"{self._name}.failed", logging.ERROR, **inside, error=type(error).__name__, place=place(trace))
            if isinstance(error, self._ours) or not isinstance(error, Exception):
                return
            if is_disk_full(error):
                raise VoicehouseError(f"{self._name} broke off, the disk is full: free space, then run again") from None
            if is_out_of_memory(str(error)):
                raise VoicehouseError(
                    f"{self._name} broke off, memory is too little: raise VOICEHOUSE_MEMORY_LIMIT, then run again"
                ) from None
            raise VoicehouseError(f"{self._name}: {type(error).__name__} at {place(trace)}") from None
        finally:
            self._ids.__exit__(None, None, None)


def place(trace: TracebackType | None) -> str:
    """The innermost line of our own code in a traceback, as `file:line`."""
    frames = traceback.extract_tb(trace)
    own = [f for f in frames if Path(f.filename).is_relative_to(PACKAGE)] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
