"""Refusals: which rows of a load were refused for want of consent, so that they can be taken up when it is given.

Keep out: refusing (protect.py). Kept are keyed hashes, counts and reasons, under the key of the load's sealed pages:
when those expire, so do these.
"""

import base64
import os
from pathlib import Path

import duckdb

from orchestration.engine import literal
from orchestration.home import Home
from orchestration.landing.pages import Load, refusals
from orchestration.privacy.keys import Keyring
from orchestration.privacy.scratch import Scratch

REASONS = ("no_consent", "minor_without_guardian")
EMPTY = (
    "SELECT ''::VARCHAR AS kind, ''::VARCHAR AS content_hash, 0::BIGINT AS copies, ''::VARCHAR AS reason WHERE false"
)


def keep(con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, load: Load, replay: int) -> None:
    """Write what of the set `refused` (kind, content_hash, copies, reason) was refused for want of consent."""
    path = refusals(home) / f"{load.load_id}.{replay}.parquet"
    refused = rows.relation("refused") if rows.rows("refused") else EMPTY
    key = _key(con, keyring, load)
    con.execute(
        f"COPY (SELECT * FROM ({refused}) WHERE reason IN {REASONS}) TO {literal(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{key}'}})"
    )
    os.chmod(path, 0o600)


def show(con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, load: Load, replay: int) -> None:
    """The set `refused_before`: what the load's guards before this one refused and none has let in since."""
    found = sorted(refusals(home).glob(f"{load.load_id}.*.parquet"), key=_number)
    earlier = [path for path in found if _number(path) < replay]
    key = _key(con, keyring, load)
    before = (
        f"SELECT * FROM read_parquet({literal(str(earlier[-1]))}, encryption_config = {{footer_key: '{key}'}})"
        if earlier
        else EMPTY
    )
    rows.put("refused_before", before)


def _number(path: Path) -> int:
    """Which going over of its load a list comes from."""
    return int(path.name.split(".")[-2])


def _key(con: duckdb.DuckDBPyConnection, keyring: Keyring, load: Load) -> str:
    key = base64.b64encode(keyring.key(f"landing:{load.load_id}")).decode()
    con.execute(f"PRAGMA add_parquet_key('refusals', '{key}')")
    return "refusals"
