"""Looking for planted values in every byte and every name below folders, packed ones too, and behind a home's keys.

Keep out: what is planted, and assertions.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from orchestration import canary
from orchestration.home import Home


def found_in(home: Home, planted: Iterable[str]) -> tuple[str, ...]:
    """Where one of the values stands in a home: in a byte, in a name, in a column of words that its keys open.

    Raises AssertionError where nothing of it opens. That each store is looked into is proved in
    tests/integration/test_canary.py.
    """
    swept = canary.sweep(home, planted)
    assert swept.columns > 300, "nothing was opened: the search proves nothing"
    return swept.found


def found_under(folders: Iterable[Path], planted: Iterable[str]) -> set[str]:
    """Which of the values stand below the folders, in any usual way of writing them."""
    forms = {
        value: {value.encode(), value.encode("utf-16-le"), json.dumps(value)[1:-1].encode(), quote(value).encode()}
        for value in planted
    }
    found = set()
    for folder in folders:
        for path in folder.rglob("*"):
            content = path.name.encode() + b"\n" + (content_of(path) if path.is_file() else b"")
            found |= {value for value, written in forms.items() if any(w in content for w in written)}
    return found


def content_of(path: Path) -> bytes:
    """A file's bytes, and behind them what a packed or Parquet file holds."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            return raw + gzip.decompress(raw)
        except (EOFError, OSError):
            return raw
    if raw[:4] == b"PAR1" and raw[-4:] == b"PAR1":
        import pyarrow.parquet as pq

        columns = pq.read_table(path).columns
        told = (v for c in columns for v in c.to_pylist() if not isinstance(v, float))  # a fraction names nobody
        return raw + b"\n".join(str(v).encode() for v in told)
    return raw
