"""Whether what lies in the closed stores opens only with a key: what check C8 looks at, file by file.

Keep out: modes (audit.py) and answers (answers.py). Of a database the header tells, of a draft and a spill the first
bytes, of a file of pages the first page is opened; a list and a key are opened whole.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from orchestration.errors import KeyMissingError
from orchestration.home import Home
from orchestration.landing import pages
from orchestration.privacy import erased
from orchestration.privacy.keys import Keyring

# Every kind of file that the house makes in a closed store; another is none of its own, and nobody knows who reads it.
KINDS_OF_FILES = {
    "landing": (
        "*/pages/*.parquet",
        "_refused/*.parquet",
        "_refused/*.rows",
        "*/init",
        "*/_dlt_*/*.jsonl",
        "_*/*.json",
    ),
    "quarantine": ("*/*.parquet", "*/*.json"),
    "vault": ("vault.duckdb", "vault.duckdb.wal", "generation.json"),
    "keys": ("*.json", "master.key", "master.changing"),
    "audit": ("log.jsonl", "head.json", "lock"),
    "erased": ("*.sealed", "key.json"),
    "lake": ("*.parquet", "*.json"),
    "published": ("*.parquet", "*.json", "waiting.duckdb", "waiting.duckdb.wal"),
    "known_at": ("*.duckdb", "*.duckdb.wal"),
}
PARQUET, CLOSED_PARQUET, DUCKDB = b"PAR1", b"PARE", b"DUCK"
OPEN = (
    PARQUET,
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"SQLite",
    b"%PDF",
    b"ARROW1",
)  # magic of what opens
LOOKED_AT = 512  # bytes


def in_the_clear(home: Home, keyring: Keyring) -> tuple[int, list[str]]:
    """How many files were looked at, and the stores of those that open without a key, or that the house did not make.

    A store stands once for each of its files.
    """
    found = [*_stores(home), *_databases(home), *_pages(home, keyring), *_lists(home, keyring), *_keys(home, keyring)]
    found += _temp(home)
    return len(found), [store for store, is_closed in found if not is_closed]


def _stores(home: Home) -> Iterator[tuple[str, bool]]:
    """Every file of the closed stores by its kind: Parquet by its magic, drafts by their first bytes."""
    for store, kinds in KINDS_OF_FILES.items():
        folder = home.root / store
        for path in folder.rglob("*"):
            place = path.relative_to(folder).as_posix()
            if not path.is_file():
                continue
            is_page, is_draft = place.count("/pages/") == 1, ".draft" in path.name or path.name.endswith(".rotated")
            if is_draft:
                is_told = any(
                    name in path.name for name in (".json.", ".master.")
                )  # what is in the clear when it is whole
                yield store, is_page or is_told or not is_open(_head(path))
            else:
                is_known = any(fnmatchcase(place, kind) for kind in kinds)
                is_table = path.suffix in (".parquet", ".rows") and not is_page
                yield store, is_known and (not is_table or _head(path)[:4] in (CLOSED_PARQUET, b"")) or not _head(path)


def _databases(home: Home) -> Iterator[tuple[str, bool]]:
    """The header of a DuckDB file tells whether the rest is encrypted."""
    made = [home.root / name for name in ("vault/vault.duckdb", "warehouse.duckdb", "serving/team.duckdb")]
    for path in (*made, *home.root.glob("known_at/*.duckdb")):
        if path.exists():
            head = _head(path)
            yield path.name, not head.strip(b"\0") or head[8:12] == DUCKDB and not is_open(head)


def _pages(home: Home, keyring: Keyring) -> Iterator[tuple[str, bool]]:
    """The first page of every file. One that is damaged, or whose key has gone with its term, opens for nobody."""
    for source in pages.sources(home):
        for value, is_sealed in pages.first_values(home, keyring, source):
            yield "landing", is_sealed or not is_open(value[:LOOKED_AT])


def _lists(home: Home, keyring: Keyring) -> Iterator[tuple[str, bool]]:
    for path in (home.root / "erased").glob("*.sealed"):
        yield "erased", erased.is_sealed(home, keyring, path.name)


def _keys(home: Home, keyring: Keyring) -> Iterator[tuple[str, bool]]:
    ring = home.folder("keys") / "keyring.json"
    for purpose, every in json.loads(ring.read_text()).items() if ring.exists() else ():
        for wrapped in every:
            try:
                yield "keys", bool(keyring.unwrap(purpose, wrapped))
            except (KeyMissingError, ValueError):
                yield "keys", False


def _temp(home: Home) -> Iterator[tuple[str, bool]]:
    """Spills and scratch; the homes of canaries there hold what nobody is, in the clear, to be looked for."""
    for path in home.temp.rglob("*"):
        if path.is_file() and not path.relative_to(home.temp).parts[0].startswith("canary-"):
            yield "tmp", not is_open(_head(path))


def is_open(head: bytes) -> bool:
    """Whether first bytes are those of something to read without a key: words, or a format that is not encrypted."""
    if head[8:12] == DUCKDB:
        return not head[20:21] or not head[20] & 1  # the flag of an encrypted file, after checksum, magic and version
    is_text = not any(b < 9 or 13 < b < 32 and b != 27 for b in head)  # of random bytes a tenth are such
    if is_text and len(head) < LOOKED_AT // 4:
        try:
            head.decode()
        except UnicodeDecodeError:
            is_text = False
    return bool(head) and (is_text or head.startswith(OPEN))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(LOOKED_AT)
    except FileNotFoundError:  # what another process made for a moment
        return b""
