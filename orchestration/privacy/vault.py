"""The vault: who is behind a pseudonym, encrypted in a file of its own, and nothing else.

Keep out: deciding who is who (resolve.py) and what may pass (protect.py).
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import duckdb
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.engine import literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, write_durably
from orchestration.privacy.keys import Keyring

SCHEMA = """
CREATE TABLE IF NOT EXISTS vault.subject (
    subject_id VARCHAR, secret BLOB, number BIGINT, country VARCHAR, is_minor BOOLEAN, first_load VARCHAR);
CREATE TABLE IF NOT EXISTS vault.identity (
    subject_id VARCHAR, domain VARCHAR, index_hash VARCHAR, is_proving BOOLEAN, sealed BLOB, first_load VARCHAR);
CREATE TABLE IF NOT EXISTS vault.record_key (
    domain VARCHAR, source VARCHAR, key_hash VARCHAR, original VARCHAR, subject_id VARCHAR);
CREATE TABLE IF NOT EXISTS vault.consent (
    subject_id VARCHAR, purpose VARCHAR, action VARCHAR, consent_type VARCHAR, given_at TIMESTAMP, expires_at TIMESTAMP,
    consent_ref VARCHAR);
CREATE TABLE IF NOT EXISTS vault.merge (
    from_subject VARCHAR, into_subject VARCHAR, merged_at TIMESTAMP, reason VARCHAR, load_id VARCHAR);
CREATE TABLE IF NOT EXISTS vault.link (index_hash VARCHAR, account_hash VARCHAR);
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


def seal_identities(rows: pa.Table, secrets_by_subject: dict[str, bytes]) -> pa.Array:
    """Each `value` under its subject's own key, bound to its blind index: destroying the key destroys the value."""
    sealed = []
    for subject, index_hash, value in zip(
        rows["subject_id"].to_pylist(), rows["index_hash"].to_pylist(), rows["value"].to_pylist(), strict=True
    ):
        nonce = secrets.token_bytes(12)
        cipher = AESGCM(secrets_by_subject[subject])
        sealed.append(nonce + cipher.encrypt(nonce, value.encode("utf-8", "replace"), index_hash.encode()))
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


def merge(con: duckdb.DuckDBPyConnection, into_of: Mapping[str, str], merged_at: str, load_id: str) -> None:
    """Let subjects go on as others: what the vault holds of them moves, sealed anew under the other subject's key."""
    moves = pa.table(
        {"subject_id": pa.array(list(into_of), pa.string()), "into": pa.array(list(into_of.values()), pa.string())}
    )
    con.register("_moves", moves)
    con.execute("INSERT INTO vault.merge SELECT subject_id, \"into\", ?, 'merge', ? FROM _moves", [merged_at, load_id])
    rows = con.execute(
        """
        SELECT m."into" AS subject_id, v.domain, v.index_hash, v.is_proving, v.sealed, v.first_load, s.secret,
               w.secret AS secret_of_other
        FROM vault.identity v JOIN _moves m USING (subject_id) JOIN vault.subject s USING (subject_id)
        JOIN vault.subject w ON w.subject_id = m."into"
        """
    ).to_arrow_table()
    secret_of = dict(zip(rows["subject_id"].to_pylist(), rows["secret_of_other"].to_pylist(), strict=True))
    sealed = seal_identities(rows.append_column("value", unseal_identities(rows)), secret_of)
    con.register("_resealed", rows.drop(["sealed", "secret", "secret_of_other"]).append_column("sealed", sealed))
    con.execute("DELETE FROM vault.identity WHERE subject_id IN (SELECT subject_id FROM _moves)")
    con.execute(
        "INSERT INTO vault.identity SELECT subject_id, domain, index_hash, is_proving, sealed, first_load FROM _resealed"
    )
    for table in ("consent", "record_key"):
        con.execute(
            f'UPDATE vault.{table} SET subject_id = m."into" FROM _moves m WHERE {table}.subject_id = m.subject_id'
        )
    con.unregister("_resealed")
    con.unregister("_moves")


def merges(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, datetime, str]]:
    """Every merge as (pseudonym written, pseudonym now, since, reason), chains followed to their end."""
    return con.execute(
        """
        WITH RECURSIVE chain AS (
            SELECT from_subject, into_subject, merged_at, reason, 1 AS depth FROM vault.merge
            UNION ALL
            SELECT c.from_subject, m.into_subject, c.merged_at, c.reason, c.depth + 1
            FROM chain c JOIN vault.merge m ON m.from_subject = c.into_subject WHERE c.depth < 50
        )
        SELECT hmac_pseudonym_person(from_subject), hmac_pseudonym_person(arg_max(into_subject, depth)),
               min(merged_at), any_value(reason)
        FROM chain GROUP BY from_subject ORDER BY 3, 1
        """
    ).fetchall()
