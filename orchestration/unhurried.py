"""Dagster's run history in SQLite, kept without waiting for the disk at every event.

Keep out: what a run is (running.py). A run tells about a thousand events and Dagster opens, commits and closes a
database for each: every one waited for the disk twice. The history survives a crash of the process as before; after a
power cut its newest events may be missing, never torn. Nothing else of the home depends on it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


@contextmanager
def unhurried_history() -> Iterator[None]:
    """While this holds, commits to write-ahead SQLite files reach the disk with the next checkpoint.

    One connection a file stays open, because the last one that closes forces a checkpoint. Source of both rules:
    SQLite's documentation of `PRAGMA synchronous` and of write-ahead logging.
    """
    kept: dict[str, sqlite3.Connection] = {}

    def on_connect(connection: Any, _record: Any) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if not path or connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        if path not in kept:
            kept[path] = sqlite3.connect(path, check_same_thread=False)
            kept[path].execute("SELECT count(*) FROM sqlite_master").fetchone()

    event.listen(Engine, "connect", on_connect)
    try:
        yield
    finally:
        event.remove(Engine, "connect", on_connect)
        for connection in kept.values():
            connection.close()
