"""Access: everything the house holds of one person, as one file for that person.

Keep out: who may ask (roles.py) and finding the person (subjects.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.engine import identifier
from orchestration.home import Home
from orchestration.lake.store import parquet_sql
from orchestration.privacy import evidence, subjects
from orchestration.privacy.marks import MARK
from orchestration.privacy.vault import unseal_identities
from orchestration.records import KINDS, Privacy, Record

LEFT_OUT = ("content_hash", "gate_version", "load_id")
OF_CUSTOMERS = ("subject_key", "subject_basis", "unproved_key", "jurisdiction", "consent_ref")
RESTS_ON = ("basis", "purposes", "policy_version")  # the customer's, where the row has one


@dataclass(frozen=True)
class Copied:
    """Rows in a copy by kind: of the lake, and of batches that wait in quarantine."""

    rows: dict[str, int]
    waiting: dict[str, int]


def write_copy(con: duckdb.DuckDBPyConnection, home: Home, write: Callable[[dict[str, Any]], object]) -> Copied:
    """Give all of `_person` to `write`: identities, consents, requests, every row.

    A row that waits stands apart, with the checks that its batch failed. Needs lake and quarantine, the vault and keyed
    hashes on `con`. That every row is there is counted a second way and kept as evidence (C17).
    """
    conditions = subjects.reach(con)
    of_staff = subjects.is_staff(con)
    told: dict[str, Any] = {
        "identities": _identities(con) + _staff_identities(con),
        "consents": _rows(con, "SELECT purpose, action, consent_type, notice_version, given_at, expires_at FROM vault.consent "
                               "WHERE subject_id IN (FROM _person) ORDER BY given_at"),
        "restrictions": _rows(con, "SELECT purpose, reason, since FROM vault.restriction WHERE subject_id IN (FROM _person)"),
        "records": _of_kinds(con, "lake", conditions, of_staff),
        "waiting": _of_kinds(con, "waiting", conditions, of_staff),
    }  # fmt: skip
    write(told)
    key = "agent_key" if of_staff else "subject_key"
    held = _held_of_staff(con, home) if of_staff else _held(con, home)
    given = sum(bool(r.get(key)) for part in ("records", "waiting") for rows in told[part].values() for r in rows)
    evidence.note(
        home, "C17", held, held - given,
        "rows of lake and quarantine under any pseudonym of the person whose copy was made last, against those in the copy",
    )  # fmt: skip
    rows, waiting = ({kind: len(found) for kind, found in told[part].items()} for part in ("records", "waiting"))
    return Copied(rows, waiting)


def _of_kinds(
    con: duckdb.DuckDBPyConnection, schema: str, conditions: dict[str, str], of_staff: bool
) -> dict[str, list[dict[str, Any]]]:
    """Rows of a schema that meet each kind's condition; kinds without any are left out."""
    found = {}
    for kind, condition in conditions.items():
        columns = _told_to_staff(KINDS[kind]) if of_staff else [identifier(c) for c in _columns(KINDS[kind])]
        listed = ", ".join([*columns, "failed_checks"] if schema == "waiting" else columns)
        found[kind] = _rows(con, f"SELECT {listed} FROM {schema}.{identifier(kind)} AS r WHERE {condition}")
    return {kind: rows for kind, rows in found.items() if rows}


def _columns(record: Record) -> list[str]:
    return [f.name for f in record.protected_schema if f.name not in LEFT_OUT]


def _told_to_staff(record: Record) -> list[str]:
    """SQL of columns of a row that a member of staff may see.

    Of customers neither pseudonym nor what narrows them down.
    What somebody wrote is theirs to have if they wrote it, as far as the source says so (GDPR 15(4)).
    """
    names = set(record.protected_schema.names)
    hidden = {*OF_CUSTOMERS, *((*RESTS_ON, "is_sensitive_text") if record.has_person else ())}
    hidden |= {str(f.protected_name) for f in record.fields if f.privacy is Privacy.QUASI}
    texts = {f.name for f in record.fields if f.privacy is Privacy.TEXT and record.has_person}
    if texts and "author_role" not in names:
        hidden |= texts | {f"{t}_redactions" for t in texts}
        texts = set()
    return [
        f"CASE WHEN author_role = 'agent' THEN {identifier(c)} END AS {identifier(c)}" if c in texts else identifier(c)
        for c in _columns(record)
        if c not in hidden
    ]


def _staff_identities(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What the directory in the vault says of a member of staff."""
    rows = con.execute(
        "SELECT original, names, emails FROM vault.agent WHERE agent_key IN (FROM _staff_keys)"
    ).fetchall()
    return [
        {"type": kind, "value": value, "is_proving": kind == "id"}
        for original, names, emails in rows
        for kind, values in (("id", [original]), ("name", names), ("email", emails))
        for value in sorted(values)
    ]


def _held_of_staff(con: duckdb.DuckDBPyConnection, home: Home) -> int:
    """Rows that name a member of staff, under their key as it is or behind a mark."""
    union = _stored(home, "agent_key", subjects.staff_kinds())
    both = f"SELECT agent_key FROM _staff_keys UNION ALL SELECT '{MARK}' || agent_key FROM _staff_keys"
    row = con.execute(f"SELECT count(*) FROM ({union}) WHERE agent_key IN ({both})").fetchone()
    return int(row[0]) if row else 0


def _identities(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    rows = con.execute(
        "SELECT v.domain, v.index_hash, v.sealed, v.is_proving, s.secret FROM vault.identity v JOIN vault.subject s "
        "USING (subject_id) WHERE v.subject_id IN (FROM _person) ORDER BY v.domain"
    ).to_arrow_table()
    values = unseal_identities(rows).to_pylist()
    found = {
        (domain, value.rsplit("\x1f", 1)[-1], proving)
        for domain, value, proving in zip(
            rows["domain"].to_pylist(), values, rows["is_proving"].to_pylist(), strict=True
        )
    }
    return [{"type": d, "value": v, "is_proving": p} for d, v, p in sorted(found)]


def _held(con: duckdb.DuckDBPyConnection, home: Home) -> int:
    """Rows of the person by what the lake itself publishes: every pseudonym that stands for the same one now."""
    union = _stored(home, "subject_key", [kind for kind, record in KINDS.items() if record.has_person])
    row = con.execute(
        f"""
        WITH told AS (
            SELECT subject_key, arg_max_null(current_subject_key, valid_from) AS now FROM lake._subjects GROUP BY 1
        ), standing AS (
            SELECT k.subject_key, CASE WHEN t.subject_key IS NULL THEN k.subject_key ELSE t.now END AS now
            FROM ({union}) k LEFT JOIN told t USING (subject_key) WHERE k.subject_key IS NOT NULL
        ), own AS (
            SELECT DISTINCT coalesce(CASE WHEN t.subject_key IS NULL THEN p.subject_key ELSE t.now END, p.subject_key) AS now
            FROM _person_keys p LEFT JOIN told t USING (subject_key)
        )
        SELECT count(*) FROM standing WHERE coalesce(now, subject_key) IN (FROM own)
        """
    ).fetchone()
    return int(row[0]) if row else 0


def _stored(home: Home, column: str, kinds: Iterable[str]) -> str:
    """SQL: a column of every row of some kinds in the lake, and in quarantine by its files, whatever its notes say."""
    lake = [f"SELECT {column} FROM lake.{identifier(kind)}" for kind in kinds]
    files = [(f, f.name.rsplit("-", 1)[0]) for f in home.folder("quarantine").glob("*/*.parquet")]
    return " UNION ALL ".join(lake + [f"SELECT {column} FROM {parquet_sql([f])}" for f, kind in files if kind in kinds])


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = con.execute(sql).to_arrow_table().to_pylist()
    return found
