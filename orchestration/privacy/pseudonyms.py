"""Keyed hashes inside SQL: pseudonyms of persons, keys of records, blind indexes, content hashes.

Keep out: which column gets which (protect.py). HMAC-SHA256, RFC 2104, equal to Python's hmac. A key that was rotated
goes on as the inner of two: hash = HMAC(new, HMAC(old, value)), so that hashes whose value nobody keeps can be carried
over, and without the new key no hash of before leads to one of now.
"""

from collections.abc import Iterable, Sequence

import duckdb

from orchestration.privacy.keys import Keyring

PURPOSES = ("pseudonym.person", "pseudonym.agent", "record_key", "blind_index", "content")


def install(con: duckdb.DuckDBPyConnection, keyring: Keyring, purposes: Iterable[str] = PURPOSES) -> None:
    """Create one macro per purpose (`hmac_<purpose>(text)`, 64 hexadecimal digits) on a connection."""
    for purpose in purposes:
        install_macro(con, "hmac_" + purpose.replace(".", "_"), keyring.versions(purpose))


def install_macro(con: duckdb.DuckDBPyConnection, name: str, keys: Sequence[bytes]) -> None:
    """Create a macro `<name>(text)`: the keyed hash under `keys` (32 bytes each), one by one, the oldest first."""
    con.execute("CREATE OR REPLACE TEMP TABLE _hmac (name VARCHAR, pad BLOB)")
    value = "v"
    for version, key in enumerate(keys):
        block = key.ljust(64, b"\x00")
        for side, mask in (("i", 0x36), ("o", 0x5C)):
            pad = f"{name}_{version}_{side}"
            con.execute("INSERT INTO _hmac VALUES (?, ?)", [pad, bytes(b ^ mask for b in block)])
            con.execute(f"SET VARIABLE {pad} = (SELECT pad FROM _hmac WHERE name = '{pad}')")
        value = (
            f"sha256(getvariable('{name}_{version}_o') || "
            f"unhex(sha256(getvariable('{name}_{version}_i') || encode({value}))))"
        )
    con.execute(
        f"CREATE OR REPLACE TEMP MACRO {name}(v) AS CASE WHEN v IS NULL THEN NULL "
        f"WHEN starts_with(v, chr(30)) THEN substr(v, 2) ELSE "  # a hash already, taken from the lake
        f"{value} END"
    )
    con.execute("DROP TABLE _hmac")


def scoped(value: str, source: str, domain: str) -> str:
    """SQL: an id with the scope it is unique in; a reference made by record_ref or account_ref brings its own."""
    return (
        f"CASE WHEN starts_with({value}, chr(30)) THEN {value} WHEN starts_with({value}, chr(31)) THEN substr({value}, 2) "
        f"ELSE '{source}' || chr(31) || '{domain}' || chr(31) || {value} END"
    )
