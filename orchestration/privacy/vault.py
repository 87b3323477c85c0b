"""The vault: who is behind a pseudonym, encrypted in a file of its own, and nothing else.

Keep out: deciding who is who (resolve.py) and what may pass (protect.py).
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.engine import literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, place_durably, write_durably
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake
from orchestration.privacy.keys import Keyring

SCHEMA = """
CREATE TABLE IF NOT EXISTS vault.subject (
    subject_id VARCHAR, secret BLOB, number BIGINT, anchor VARCHAR, is_account BOOLEAN, current_id VARCHAR,
    country VARCHAR, is_minor BOOLEAN, first_load VARCHAR);
CREATE TABLE IF NOT EXISTS vault.identity (
    subject_id VARCHAR, domain VARCHAR, index_hash VARCHAR, is_proving BOOLEAN, sealed BLOB, first_load VARCHAR);
CREATE TABLE IF NOT EXISTS vault.record_key (
    domain VARCHAR, source VARCHAR, key_hash VARCHAR, original VARCHAR, subject_id VARCHAR);
CREATE TABLE IF NOT EXISTS vault.consent (
    subject_id VARCHAR, purpose VARCHAR, action VARCHAR, consent_type VARCHAR, given_at TIMESTAMP, expires_at TIMESTAMP,
    consent_ref VARCHAR);
CREATE TABLE IF NOT EXISTS vault.merge (
    subject_id VARCHAR, current_id VARCHAR, merged_at TIMESTAMP, reason VARCHAR, load_id VARCHAR,
    number BIGINT);
CREATE TABLE IF NOT EXISTS vault.shared (index_hash VARCHAR, since_load VARCHAR);
CREATE TABLE IF NOT EXISTS vault.agent (agent_key VARCHAR, names VARCHAR[], emails VARCHAR[], original VARCHAR);
CREATE TABLE IF NOT EXISTS vault.generation (number BIGINT);
"""


@contextmanager
def open_vault(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring) -> Iterator[None]:
    """Attach the vault as catalog `vault`, inside one transaction that ends durably or not at all.

    Raises VoicehouseError when the vault is gone, or older than the newest commit that was made with it.
    """
    path = home.folder("vault") / "vault.duckdb"
    marker = home.folder("vault") / "generation.json"
    expected = json.loads(marker.read_text())["generation"] if marker.exists() else 0
    if expected and not path.exists():
        raise VoicehouseError("the vault is gone: put its backup back (vault/vault.duckdb in the home)")
    con.execute(
        f"ATTACH {literal(str(path))} AS vault (ENCRYPTION_KEY '{keyring.hex('vault')}', ENCRYPTION_CIPHER 'GCM')"
    )
    os.chmod(path, 0o600)
    try:
        con.execute(SCHEMA)
        row = con.execute("SELECT max(number) FROM vault.generation").fetchone()
        found = int(row[0]) if row and row[0] is not None else 0
        if found < expected:
            raise VoicehouseError(
                f"this vault is older (generation {found}) than the lake written with it ({expected})"
            )
        con.execute("BEGIN")
        try:
            yield
            con.execute("INSERT INTO vault.generation VALUES (?)", [found + 1])
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        con.execute("CHECKPOINT vault")
        write_durably(marker, json.dumps({"generation": found + 1}).encode())
    finally:
        con.execute("DETACH vault")


def seal_identities(rows: pa.Table) -> pa.Array:
    """Each `value` under its subject's own `secret`, bound to `index_hash`: destroying the key destroys the value."""
    sealed = []
    for secret, index_hash, value in zip(
        rows["secret"].to_pylist(), rows["index_hash"].to_pylist(), rows["value"].to_pylist(), strict=True
    ):
        nonce = secrets.token_bytes(12)
        sealed.append(nonce + AESGCM(secret).encrypt(nonce, value.encode("utf-8", "replace"), index_hash.encode()))
    return pa.array(sealed, pa.binary())


def unseal_identities(rows: pa.Table) -> pa.Array:
    """The values behind `sealed`, given each row's `secret` and `index_hash`."""
    return pa.array(
        [
            AESGCM(secret).decrypt(sealed[:12], sealed[12:], index_hash.encode()).decode()
            for secret, sealed, index_hash in zip(
                rows["secret"].to_pylist(), rows["sealed"].to_pylist(), rows["index_hash"].to_pylist(), strict=True
            )
        ],
        pa.string(),
    )


def publish_subjects(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """`lake/_subjects.parquet`: who each pseudonym stands for since when (null: nobody), without any identifier.

    One row per merge and unmerge, encrypted as the lake is; written durably.
    """
    path = lake.home.lake / SUBJECTS_FILE
    draft = path.with_name(f".{path.name}.draft")
    con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{lake.key}')")
    con.execute(
        f"""
        COPY (
            SELECT hmac_pseudonym_person(subject_id) AS subject_key,
                   hmac_pseudonym_person(arg_max_null(current_id, number)) AS current_subject_key,
                   merged_at AS valid_from, arg_max(reason, number) AS reason
            FROM vault.merge GROUP BY subject_id, merged_at ORDER BY merged_at, subject_key
        ) TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})
        """
    )
    place_durably(draft, path)
