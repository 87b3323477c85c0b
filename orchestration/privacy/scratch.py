"""Scratch: what a load is made into on its way through the gate, as encrypted Parquet on disk under a key in memory.

Keep out: what the rows are. Memory holds a row group at a time, whatever a load's size; who finds the files after a
crash cannot open them: their key was never written anywhere.
"""

import base64
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.engine import identifier, literal

KEY = "scratch"
ENCRYPTION = f"{{footer_key: '{KEY}'}}"
FOLDER = "gate"
ROW_GROUP = 40_960  # rows; small, so that long texts do not pile up before they are written
COMPRESSION = "zstd"


class Scratch:
    """Named sets of rows, each one or more Parquet files, read through temp views of the same name."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path):
        self._con = con
        self._folder = folder
        self._files: dict[str, list[tuple[Path, int]]] = {}
        con.execute(f"PRAGMA add_parquet_key('{KEY}', '{base64.b64encode(secrets.token_bytes(32)).decode()}')")

    def add(self, name: str, select: str) -> int:
        """Append the rows of a select to a set; returns how many."""
        files = self._files.setdefault(name, [])
        path = self._folder / f"{name}-{len(files)}.parquet"
        row = self._con.execute(
            f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION {COMPRESSION}, "
            f"ROW_GROUP_SIZE {ROW_GROUP}, ENCRYPTION_CONFIG {ENCRYPTION})"
        ).fetchone()
        rows = int(row[0]) if row else 0
        files.append((path, rows))
        return rows

    def put(self, name: str, select: str) -> int:
        """Make a set of the rows of a select, in the place of an earlier one, and a view of its name.

        Returns how many.
        """
        self.drop(name)
        rows = self.add(name, select)
        self.show(name, self.relation(name))
        return rows

    def drop(self, name: str) -> None:
        """Forget a set and its files."""
        for path, _ in self._files.pop(name, []):
            path.unlink()

    def show(self, name: str, select: str) -> None:
        """Create a temp view."""
        self._con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {select}")

    def relation(self, name: str, *, numbered: bool = False) -> str:
        """A select over a set. `numbered` adds `_row_no`, from 1 on; a range of it is read without the rest."""
        files = [(path, rows) for path, rows in self._files[name] if rows] or self._files[name][:1]
        if not numbered:
            return f"SELECT * FROM {_read([path for path, _ in files])}"
        before, selects = 0, []
        for path, rows in files:
            number = f"file_row_number + {before + 1}" if before else "file_row_number + 1"
            selects.append(
                f"SELECT * EXCLUDE (file_row_number), {number} AS _row_no FROM {_read([path], ', file_row_number = true')}"
            )
            before += rows
        return " UNION ALL BY NAME ".join(selects)

    def rows(self, name: str) -> int:
        """How many rows a set holds."""
        return sum(rows for _, rows in self._files.get(name, []))


def _read(paths: list[Path], options: str = "") -> str:
    listed = ", ".join(literal(str(p)) for p in paths)
    return f"read_parquet([{listed}], encryption_config = {ENCRYPTION}{options})"


@contextmanager
def scratch(con: duckdb.DuckDBPyConnection, temp: Path) -> Iterator[Scratch]:
    """A scratch below `temp`, gone at the end; what a death left there goes first (a home has one writer)."""
    folder = temp / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield Scratch(con, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
