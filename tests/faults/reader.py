"""Reads rows without end in little memory: `python -m tests.faults.reader FORMAT SIZE LIMIT`; prints what came of it.

Keep out: assertions. SIZE and LIMIT are in MB; LIMIT is what the process may take beyond what it has once a small file
was read. What it reads is made while it is read, so that no disk needs to hold it.
"""

import io
import re
import resource
import sys
from pathlib import Path

import pyarrow as pa

from orchestration.errors import SourceError
from orchestration.sources.contract import Stream
from orchestration.sources.files import read_file

WORDS = b"word " * 200
# How a file of each format begins, and a row of it.
CONTENT = {
    "csv": (b"id,text\n", b"1," + WORDS + b"\n"),
    "jsonl": (b"", b'{"id": 1, "text": "' + WORDS + b'"}\n'),
    "json_pages": (b"[", b'{"id": 1, "text": "' + WORDS + b'"},\n'),
}


class Rows(io.RawIOBase):
    """An open file: a beginning, then the same block of rows, about `megabytes` in all."""

    def __init__(self, format: str, megabytes: int) -> None:
        self._head, row = CONTENT[format]
        self._rows_of_block = (1 << 20) // len(row)
        self._block = row * self._rows_of_block
        self._n_blocks = megabytes
        self.n_rows = self._rows_of_block * megabytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = len(self._head) + len(self._block) * self._n_blocks
        self._at = size if whence == io.SEEK_END else offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        """A part of the beginning or of one block."""
        if self._at < len(self._head):
            part = self._head[self._at :]
        else:
            block, within = divmod(self._at - len(self._head), len(self._block))
            part = self._block[within:] if block < self._n_blocks else b""
        n = min(len(part), len(buffer))
        buffer[:n] = part[:n]
        self._at += n
        return n


def taken() -> int:
    """Bytes of memory that this process may write to, as Linux counts them for RLIMIT_DATA."""
    (kilobytes,) = re.findall(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) << 10


def read(format: str, rows: Rows) -> str:
    """How many rows came, or why not."""
    n = 0
    try:
        for page in read_file(rows, "rows", Stream("s", format=format)):
            table = page.content
            n += table.num_rows if isinstance(table, pa.Table) else table.count(b"\n") + bool(table)
    except SourceError as error:
        return str(error)
    return f"{n} of {rows.n_rows} rows"


def main(format: str, megabytes: int, limit: int) -> None:
    """Limit this process, then read the file at once, then page by page."""
    pa.set_cpu_count(2)
    pa.set_io_thread_count(2)
    read(format, Rows(format, 1))
    most = taken() + (limit << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        print(f"at once: {len(Rows(format, megabytes).read())}")
    except MemoryError:
        print("at once: too large")
    print(f"page by page: {read(format, Rows(format, megabytes))}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
