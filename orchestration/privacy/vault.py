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
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.engine import connect, literal
from orchestration.errors import VoicehouseError
from orchestration.formats import FORMATS, VAULT, check
from orchestration.home import Home, place_durably, write_durably
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake
from orchestration.privacy import pseudonyms
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.log_ends import known_generation

SUBJECTS_DUE = "subjects_due"  # in the home's ops folder
RENEWAL_DUE = "vault_renewal_due"  # there too
SCHEMA = """
CREATE TABLE IF NOT EXISTS vault.subject (
    subject_id VARCHAR, secret BLOB, number BIGINT, anchor VARCHAR, is_account BOOLEAN, current_id VARCHAR,
    country VARCHAR, is_minor BOOLEAN, first_load VARCHAR);
ALTER TABLE vault.subject ADD COLUMN IF NOT EXISTS minor_by VARCHAR;
CREATE TABLE IF NOT EXISTS vault.identity (
    subject_id VARCHAR, domain VARCHAR, index_hash VARCHAR, is_proving BOOLEAN, sealed BLOB, first_load VARCHAR);
ALTER TABLE vault.identity ADD COLUMN IF NOT EXISTS is_sought BOOLEAN;
CREATE TABLE IF NOT EXISTS vault.record_key (
    domain VARCHAR, source VARCHAR, key_hash VARCHAR, original VARCHAR, subject_id VARCHAR, first_load VARCHAR);
ALTER TABLE vault.record_key ADD COLUMN IF NOT EXISTS first_load VARCHAR;
CREATE TABLE IF NOT EXISTS vault.consent (
    subject_id VARCHAR, purpose VARCHAR, action VARCHAR, consent_type VARCHAR, given_at TIMESTAMP, expires_at TIMESTAMP,
    consent_ref VARCHAR, notice_version VARCHAR);
ALTER TABLE vault.consent ADD COLUMN IF NOT EXISTS notice_version VARCHAR;
CREATE TABLE IF NOT EXISTS vault.withdrawal (
    index_hash VARCHAR, purpose VARCHAR, given_at TIMESTAMP, consent_ref VARCHAR);
CREATE TABLE IF NOT EXISTS vault.merge (
    subject_id VARCHAR, current_id VARCHAR, merged_at TIMESTAMP, reason VARCHAR, load_id VARCHAR,
    number BIGINT);
CREATE TABLE IF NOT EXISTS vault.shared (index_hash VARCHAR, since_load VARCHAR);
CREATE TABLE IF NOT EXISTS vault.agent (
    agent_key VARCHAR, names VARCHAR[], emails VARCHAR[], original VARCHAR, first_load VARCHAR);
ALTER TABLE vault.agent ADD COLUMN IF NOT EXISTS first_load VARCHAR;
CREATE TABLE IF NOT EXISTS vault.generation (number BIGINT);
CREATE TABLE IF NOT EXISTS vault.request (
    request_id VARCHAR, action VARCHAR, subject_ids VARCHAR[], received_at TIMESTAMP, due_at TIMESTAMP, closed_at TIMESTAMP,
    outcome VARCHAR);
ALTER TABLE vault.request ADD COLUMN IF NOT EXISTS wrong VARCHAR[];
ALTER TABLE vault.request ADD COLUMN IF NOT EXISTS sought VARCHAR[];
ALTER TABLE vault.request ADD COLUMN IF NOT EXISTS purpose VARCHAR;
ALTER TABLE vault.request ADD COLUMN IF NOT EXISTS is_lift BOOLEAN;
CREATE TABLE IF NOT EXISTS vault.restriction (
    subject_id VARCHAR, purpose VARCHAR, reason VARCHAR, since TIMESTAMP, request_id VARCHAR);
CREATE TABLE IF NOT EXISTS vault.format (number BIGINT);
"""
SCHEMA += f"INSERT INTO vault.format SELECT {FORMATS[VAULT]} WHERE NOT EXISTS (FROM vault.format);"


@contextmanager
def open_vault(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, read_only: bool = False) -> Iterator[int]:
    """Attach the vault as catalog `vault`, inside one transaction that ends durably or not at all.

    Yields its generation.
    Each opening for writing is a generation; its number stands in the vault, the audit chain and the commits made with
    it.
    Raises VoicehouseError when the vault is gone, older than what was written with it, or of another release's format.
    """
    path = home.folder("vault") / "vault.duckdb"
    expected = known_generation(home)
    if not is_vault_there(home):
        if read_only:
            raise VoicehouseError("there is no vault yet: run `voicehouse run` first")
        _create(con, home, keyring)
    mode = "READ_ONLY, " if read_only else ""
    con.execute(
        f"ATTACH {literal(str(path))} AS vault ({mode}ENCRYPTION_KEY '{keyring.hex('vault')}', ENCRYPTION_CIPHER 'GCM')"
    )
    os.chmod(path, 0o600)
    try:
        check_format(con)
        if not read_only:
            con.execute(f"BEGIN; {SCHEMA} COMMIT")
        row = con.execute("SELECT max(number) FROM vault.generation").fetchone()
        found = int(row[0]) if row and row[0] is not None else 0
        if found < expected:
            raise VoicehouseError(
                f"this vault is older (generation {found}) than what was written with it ({expected}): put the newer back"
            )
        if read_only:
            yield found
            return
        con.execute("BEGIN")
        try:
            yield found + 1
            con.execute("INSERT INTO vault.generation VALUES (?)", [found + 1])
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        con.execute("CHECKPOINT vault")
        _note_generation(home, keyring, found + 1)
    finally:
        con.execute("DETACH vault")


def _create(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, generation: int = 0) -> None:
    """A vault of nobody yet, at its place when it is whole."""
    path = home.folder("vault") / "vault.duckdb"
    draft = home.folder("vault") / ".vault.draft.duckdb"
    draft.unlink(missing_ok=True)
    con.execute(
        f"ATTACH {literal(str(draft))} AS vault (ENCRYPTION_KEY '{keyring.hex('vault')}', ENCRYPTION_CIPHER 'GCM')"
    )
    try:
        begun = f"INSERT INTO vault.generation VALUES ({generation});" if generation else ""
        con.execute(f"{SCHEMA} {begun} CHECKPOINT vault")
    finally:
        con.execute("DETACH vault")
    place_durably(draft, path)


def check_format(con: duckdb.DuckDBPyConnection) -> None:
    """Let the attached vault pass if this release reads it; one that holds nothing yet is as it should be.

    Raises VoicehouseError that says what to do.
    """
    rows = con.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE database_name = 'vault' GROUP BY 1"
    ).fetchall()
    columns = dict(rows)
    if "format" in columns:
        row = con.execute("SELECT max(number) FROM vault.format").fetchone()
        check(VAULT, row[0] if row else None)
    elif "subject" in columns:
        # Written before vaults said their format: those of format 2 know what a person hangs on.
        check(VAULT, 2 if "anchor" in columns["subject"] else 1)


def is_vault_there(home: Home) -> bool:
    """Whether a home has a vault: none before the first load. Raises VoicehouseError when it had one that is gone."""
    if (home.folder("vault") / "vault.duckdb").exists():
        return True
    if known_generation(home):
        raise VoicehouseError(
            "the vault is gone: put its backup back (vault/vault.duckdb in the home), or start a new one without "
            "the persons known so far: `voicehouse vault reinit --role engineer`"
        )
    return False


def _note_generation(home: Home, keyring: Keyring, number: int) -> None:
    AuditLog(home, keyring).append("vault", vault_generation=number)
    write_durably(home.folder("vault") / "generation.json", json.dumps({"generation": number}).encode())


def renew_vault(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring) -> None:
    """Write what the vault holds into a new file: what was deleted is in the old one still."""
    path = home.folder("vault") / "vault.duckdb"
    draft = home.folder("vault") / ".vault.draft.duckdb"
    draft.unlink(missing_ok=True)
    key = f"ENCRYPTION_KEY '{keyring.hex('vault')}', ENCRYPTION_CIPHER 'GCM'"
    for name, file in (("old_vault", path), ("new_vault", draft)):
        con.execute(f"ATTACH {literal(str(file))} AS {name} ({key})")
    con.execute("CHECKPOINT old_vault")  # a log that a death left beside the old file would not open with the new one
    con.execute("COPY FROM DATABASE old_vault TO new_vault")
    con.execute("CHECKPOINT new_vault")
    con.execute("DETACH new_vault")
    con.execute("DETACH old_vault")
    place_durably(draft, path)


def next_epoch(home: Home) -> int:
    """The generation with which a new vault would begin. Raises VoicehouseError when a vault is there."""
    if (home.folder("vault") / "vault.duckdb").exists():
        raise VoicehouseError("there is a vault: only a lost one is started anew (move vault/vault.duckdb away first)")
    return known_generation(home) + 1


def reinit(home: Home, keyring: Keyring) -> int:
    """Start a new vault where the old is lost: history stays, its persons are nobody the new vault knows.

    Returns the first generation of the new epoch. Raises VoicehouseError when a vault is there.
    """
    generation = next_epoch(home)
    con = connect(home.temp)
    try:
        _create(con, home, keyring, generation)
    finally:
        con.close()
    AuditLog(home, keyring).append("vault reinit", vault_generation=generation)
    _note_generation(home, keyring, generation)
    return generation


def renew_later(home: Home) -> None:
    """Note durably, before anything is deleted, that the vault's file has to be written anew (`renew_due`)."""
    write_durably(home.folder("ops") / RENEWAL_DUE, b"")


def renew_due(home: Home, keyring: Keyring) -> None:
    """Write the vault's file anew where something was deleted since. Repeatable: the note goes last."""
    due, path = home.folder("ops") / RENEWAL_DUE, home.folder("vault") / "vault.duckdb"
    if due.exists() and path.exists():
        con = connect(home.temp)
        try:
            renew_vault(con, home, keyring)
        finally:
            con.close()
    due.unlink(missing_ok=True)


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
    """The values behind `sealed`, given each row's `secret` and `index_hash`.

    Raises VoicehouseError when one does not belong to its row: exchanged, moved to another person, or damaged.
    """
    columns = (rows[name].to_pylist() for name in ("secret", "sealed", "index_hash"))
    try:
        values = [
            AESGCM(secret).decrypt(sealed[:12], sealed[12:], index_hash.encode()).decode()
            for secret, sealed, index_hash in zip(*columns, strict=True)
        ]
    except InvalidTag:
        raise VoicehouseError(
            "an identity in the vault was changed or moved to another person: put the vault's last backup back"
        ) from None
    return pa.array(values, pa.string())


def publish_later(home: Home) -> None:
    """Note durably that `lake/_subjects` has to be published anew: a run's loads do it once, in `publish_due`."""
    write_durably(home.folder("ops") / SUBJECTS_DUE, b"")


def publish_due(home: Home, keyring: Keyring) -> None:
    """Publish `lake/_subjects` where somebody was merged or parted since. Repeatable: the note goes last."""
    due = home.folder("ops") / SUBJECTS_DUE
    if not due.exists():
        return
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        with open_vault(con, home, keyring, read_only=True):
            publish_subjects(con, Lake(home, keyring.base64(LAKE_KEY)))
    finally:
        con.close()
    due.unlink()


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
