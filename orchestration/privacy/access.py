"""Access: everything the house holds of one person, as one file for that person.

Keep out: who may ask (roles.py) and finding the person (subjects.py).
"""

import json
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import identifier
from orchestration.home import Home, write_durably
from orchestration.privacy import evidence, subjects
from orchestration.privacy.vault import unseal_identities
from orchestration.records import KINDS

LEFT_OUT = ("content_hash", "gate_version", "load_id")


def write_copy(con: duckdb.DuckDBPyConnection, home: Home, path: Path) -> dict[str, int]:
    """Write all of `_person` to `path` (JSON, 0600): identities, consents, requests, every row; rows by kind.

    Needs the lake, the vault and keyed hashes on `con`. That every row is there is counted a second way and kept as evidence (C17).
    """
    conditions = subjects.reach(con)
    told: dict[str, Any] = {
        "identities": _identities(con),
        "consents": _rows(con, "SELECT purpose, action, consent_type, notice_version, given_at, expires_at FROM vault.consent "
                               "WHERE subject_id IN (FROM _person) ORDER BY given_at"),
        "restrictions": _rows(con, "SELECT purpose, reason, since FROM vault.restriction WHERE subject_id IN (FROM _person)"),
        "records": {},
    }  # fmt: skip
    counts = {}
    for kind, condition in conditions.items():
        columns = [f.name for f in KINDS[kind].protected_schema if f.name not in LEFT_OUT]
        listed = ", ".join(identifier(c) for c in columns)
        rows = _rows(con, f"SELECT {listed} FROM lake.{identifier(kind)} AS r WHERE {condition}")
        if rows:
            told["records"][kind] = rows
            counts[kind] = len(rows)
    write_durably(path, json.dumps(told, indent=1, ensure_ascii=False, default=str).encode())
    held = _held(con)
    evidence.note(
        home, "C17", held, held - sum(len([r for r in rows if r["subject_key"]]) for rows in told["records"].values()),
        "rows under any pseudonym of the person whose copy was made last, against those in the copy",
    )  # fmt: skip
    return counts


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


def _held(con: duckdb.DuckDBPyConnection) -> int:
    """Rows of the person by what the lake itself publishes: every pseudonym that stands for the same one now."""
    union = " UNION ALL ".join(
        f"SELECT subject_key FROM lake.{identifier(k)}" for k, r in KINDS.items() if r.has_person
    )
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


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = con.execute(sql).to_arrow_table().to_pylist()
    return found
