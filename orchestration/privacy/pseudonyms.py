"""Keyed hashes inside SQL: pseudonyms of persons, keys of records, blind indexes, content hashes.

Keep out: which column gets which (protect.py). HMAC-SHA256, RFC 2104, equal to Python's hmac.
"""

from collections.abc import Iterable

import duckdb

from orchestration.privacy.keys import Keyring

PURPOSES = ("pseudonym.person", "pseudonym.agent", "record_key", "blind_index", "content")


def install(con: duckdb.DuckDBPyConnection, keyring: Keyring, purposes: Iterable[str] = PURPOSES) -> None:
    """Create one macro per purpose (`hmac_<purpose>(text)`, 64 hexadecimal digits) on a connection."""
    con.execute("CREATE OR REPLACE TEMP TABLE _hmac (name VARCHAR, pad BLOB)")
    for purpose in purposes:
        block = keyring.key(purpose).ljust(64, b"\x00")
        name = "hmac_" + purpose.replace(".", "_")
        inner = bytes(b ^ 0x36 for b in block)
        outer = bytes(b ^ 0x5C for b in block)
        con.execute("INSERT INTO _hmac VALUES (?, ?), (?, ?)", [f"{name}_i", inner, f"{name}_o", outer])
        for side in ("i", "o"):
            con.execute(f"SET VARIABLE {name}_{side} = (SELECT pad FROM _hmac WHERE name = '{name}_{side}')")
        con.execute(
            f"CREATE OR REPLACE TEMP MACRO {name}(v) AS CASE WHEN v IS NULL THEN NULL "
            f"WHEN starts_with(v, chr(30)) THEN substr(v, 2) ELSE "  # a hash already, taken from the lake
            f"sha256(getvariable('{name}_o') || unhex(sha256(getvariable('{name}_i') || encode(v)))) END"
        )
    con.execute("DROP TABLE _hmac")


def scoped(value: str, source: str, domain: str) -> str:
    """SQL: an id with the scope it is unique in; a reference made by record_ref or account_ref brings its own."""
    return (
        f"CASE WHEN starts_with({value}, chr(30)) THEN {value} WHEN starts_with({value}, chr(31)) THEN substr({value}, 2) "
        f"ELSE '{source}' || chr(31) || '{domain}' || chr(31) || {value} END"
    )
