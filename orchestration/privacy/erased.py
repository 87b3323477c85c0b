"""The erased list: who asked to be forgotten, as keyed hashes, so that nobody comes back by replay or from a backup.

Beside it the lists of withdrawals and of restrictions: which of the vault's random ids took a consent back or had a
purpose struck out, so that a backup does not undo it. Keep out: erasing (erasure.py), withdrawing (withdrawal.py),
striking out (restriction.py). The list lies in a folder of its own that no
backup holds; its key is in the same folder, wrapped by the master key, and stays when other keys rotate.
"""

import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.engine import identifier
from orchestration.home import Home, now, write_durably
from orchestration.privacy.keys import Keyring
from orchestration.privacy.pseudonyms import install_macro, scoped
from orchestration.records import KINDS, Privacy, Record

KEY = "erased"
KEY_FILE = "key.json"
RECORD = "record"


@dataclass(frozen=True)
class Erased:
    """One erasure: its request, its instant (ISO 8601, naive UTC), the random ids the vault knew the person by, marks.

    `marks` are keyed hashes of proving identifiers and of the person's own records, as `domain␟value`.
    """

    request_id: str
    erased_at: str
    subject_ids: tuple[str, ...]
    marks: tuple[str, ...]


class _Sealed:
    """A list of one home, sealed as a whole, in the folder that no backup holds."""

    name = ""
    bound_to = ""

    def __init__(self, home: Home, keyring: Keyring):
        self._path = home.folder("erased") / self.name
        self._keyring = keyring

    @cached_property
    def _key(self) -> bytes:
        """Made when first needed: who only looks for entries where there are none writes nothing."""
        wrapped = self._path.with_name(KEY_FILE)
        if not wrapped.exists():
            fresh = self._keyring.wrap(KEY, secrets.token_bytes(32))
            write_durably(wrapped, json.dumps({"key": fresh}).encode())
        return self._keyring.unwrap(KEY, json.loads(wrapped.read_text())["key"])

    def _open(self) -> list[Any]:
        if not self._path.exists():
            return []
        sealed = self._path.read_bytes()
        rows: list[Any] = json.loads(AESGCM(self._key).decrypt(sealed[:12], sealed[12:], self.bound_to.encode()))
        return rows

    def _seal(self, rows: list[Any]) -> None:
        nonce = secrets.token_bytes(12)
        write_durably(
            self._path, nonce + AESGCM(self._key).encrypt(nonce, json.dumps(rows).encode(), self.bound_to.encode())
        )


def is_sealed(home: Home, keyring: Keyring, name: str) -> bool:
    """Whether the list of that file's name is there and opens with the key of the lists."""
    for kind in (ErasedList, WithdrawnList, RestrictedList):
        if kind.name == name and (home.root / "erased" / KEY_FILE).exists():
            with suppress(InvalidTag, ValueError):
                kind(home, keyring).entries()
                return True
    return False


class _Words(_Sealed):
    """What persons said: rows of words, the vault's random id first."""

    def entries(self) -> list[tuple[str, ...]]:
        """Every word."""
        return [tuple(row) for row in self._open()]

    def write(self, entries: list[tuple[str, ...]]) -> None:
        """Replace the list durably."""
        self._seal([list(e) for e in entries])

    def forget(self, subject_ids: tuple[str, ...]) -> None:
        """Drop the words of somebody erased."""
        kept = [e for e in self.entries() if e[0] not in subject_ids]
        if len(kept) < len(self.entries()):
            self.write(kept)


class WithdrawnList(_Words):
    """Consents taken back: the vault's random id, the purpose, the instant (ISO 8601, naive UTC)."""

    name = "withdrawn.sealed"
    bound_to = "withdrawn"


class RestrictedList(_Words):
    """Restrictions and objections that stand: the rows of vault.restriction."""

    name = "restricted.sealed"
    bound_to = "restricted"


class ErasedList(_Sealed):
    """The erased persons of one home."""

    name = "list.sealed"
    bound_to = KEY

    def entries(self) -> list[Erased]:
        """Every erasure, oldest first."""
        rows = self._open()
        return [Erased(**{**r, "subject_ids": tuple(r["subject_ids"]), "marks": tuple(r["marks"])}) for r in rows]

    def add(self, entry: Erased) -> None:
        """Add an erasure durably; one of the same request is replaced."""
        kept = [e for e in self.entries() if e.request_id != entry.request_id]
        self._seal([asdict(e) for e in (*kept, entry)])

    def install(self, con: duckdb.DuckDBPyConnection) -> int:
        """Macro `hmac_erased(text)` and temp table `_erased` (mark, erased_at) on a connection.

        Returns how many marks.
        """
        install_macro(con, "hmac_erased", [self._key])
        pairs = [(mark, e.erased_at) for e in self.entries() for mark in e.marks]
        con.register(
            "_marks",
            pa.table(
                {
                    "mark": pa.array([m for m, _ in pairs], pa.string()),
                    "told": pa.array([t for _, t in pairs], pa.string()),
                }
            ),
        )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE _erased AS SELECT mark, max(told::TIMESTAMP) AS erased_at FROM _marks GROUP BY 1"
        )
        con.unregister("_marks")
        return len(pairs)


def block(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, source: str, kinds: list[str]) -> int:
    """Keep rows of erased persons from the gate: fills temp table `_erased_rows` (kind, row_no); returns how many.

    Needs what `resolve.collect` made, and takes out of it whom no other row names: nothing reaches the vault. A row is
    blocked when it names an erased person at or before the erasure (or tells no time), or belongs to a record that was
    erased; what the person does later starts a new subject.
    """
    if not (home.folder("erased") / "list.sealed").exists() or not ErasedList(home, keyring).install(con):
        return 0
    for kind in kinds:
        record = KINDS[kind]
        if record.has_person:
            con.execute(
                f"""
                INSERT INTO _erased_rows
                SELECT DISTINCT '{kind}', c._row_no FROM _ident i JOIN conformed_{kind} c ON c._who = i.who
                JOIN (SELECT v.index_hash, e.erased_at FROM (SELECT DISTINCT index_hash, domain, value FROM _values
                                                             WHERE is_proving) v
                      JOIN _erased e ON e.mark = hmac_erased(v.domain || chr(31) || lower(v.value))) b USING (index_hash)
                WHERE i.is_proving AND {erased_before(record, "c", "b.erased_at")}
                """
            )
        for f in record.fields:
            if f.privacy is Privacy.RECORD_KEY and f.type == "string":
                value = scoped(f"c.{identifier(f.name)}", source, str(f.domain))
                con.execute(
                    f"INSERT INTO _erased_rows SELECT '{kind}', c._row_no FROM conformed_{kind} c "
                    f"WHERE c.{identifier(f.name)} IS NOT NULL "
                    f"AND hmac_erased('{RECORD}' || chr(31) || {value}) IN (SELECT mark FROM _erased)"
                )
    others = " UNION ALL ".join(
        f"SELECT _who FROM conformed_{k} WHERE _row_no NOT IN (SELECT row_no FROM _erased_rows WHERE kind = '{k}')"
        for k in kinds
        if KINDS[k].has_person
    )
    if others:
        for table in ("_named", "_ident"):
            con.execute(f"DELETE FROM {table} WHERE who NOT IN ({others})")
    row = con.execute("SELECT count(DISTINCT (kind, row_no)) FROM _erased_rows").fetchone()
    return int(row[0]) if row else 0


def erased_before(record: Record, row: str, erased_at: str) -> str:
    """SQL: whether a row tells of what was at or before an erasure, or tells no time."""
    names = {f.name for f in record.fields}
    times = [f"{row}.{identifier(t)}::TIMESTAMP" for t in (record.event_time, "updated_at") if t in names]
    return f"coalesce(coalesce({', '.join([*times, 'NULL::TIMESTAMP'])}) <= {erased_at}, true)"


def erased_now() -> str:
    """The instant of an erasure, as entries hold it."""
    return now().replace(tzinfo=None).isoformat()
