"""Dagster's run history in SQLite, kept without waiting for the disk at every event.

Keep out: what a run is (running.py). A run tells about a thousand events and Dagster opens, commits and closes a
database for each: every one waited for the disk twice, and set up a connection of its own. The history survives a crash
of the process as before; after a power cut its newest events may be missing, never torn. Nothing else of the home
depends on it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine


class _Kept(sqlite3.Connection):
    """A connection that its thread gets again after it closed it."""

    is_free = False
    is_set = False

    def close(self) -> None:
        self.is_free = True


@contextmanager
def unhurried_history() -> Iterator[None]:
    """While this holds, commits to write-ahead SQLite files reach the disk with the next checkpoint.

    One connection a file and thread stays open, because the last one that closes forces a checkpoint. Source of both
    rules: SQLite's documentation of `PRAGMA synchronous` and of write-ahead logging.
    """
    kept: dict[tuple[str, int], _Kept] = {}

    def do_connect(dialect: Dialect, _record: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if dialect.name != "sqlite":
            return None
        key = (str(args[0]), threading.get_ident())
        found = kept.get(key)
        if found is None:
            found = kept[key] = sqlite3.connect(*args, **{**given, "check_same_thread": False}, factory=_Kept)
        elif not found.is_free:
            return None
        found.is_free = False
        return found

    def on_connect(connection: Any, _record: Any) -> None:
        if not isinstance(connection, sqlite3.Connection) or (isinstance(connection, _Kept) and connection.is_set):
            return
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        if isinstance(connection, _Kept):
            connection.is_set = True

    event.listen(Engine, "do_connect", do_connect)
    event.listen(Engine, "connect", on_connect)
    try:
        yield
    finally:
        event.remove(Engine, "connect", on_connect)
        event.remove(Engine, "do_connect", do_connect)
        for connection in kept.values():
            sqlite3.Connection.close(connection)
