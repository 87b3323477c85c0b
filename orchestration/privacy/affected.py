"""Whom and what some rows of the lake are about: persons, their law, minors, classes of fields; counts and names only.

Keep out: why one asks (incidents.py, serving/dpia.py) and who a person is.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import marks, pseudonyms
from orchestration.privacy.keys import Keyring
from orchestration.privacy.lapses import MINORS
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from orchestration.records.contract import Privacy, Record


def affected(
    home: Home,
    keyring: Keyring,
    since: datetime | None = None,
    until: datetime | None = None,
    sources: Collection[str] = (),
    kinds: Collection[str] = (),
    loads: Collection[str] = (),
) -> dict[str, Any]:
    """What came in within [since, until) (UTC; None: open) from `sources`, of `kinds`, with `loads` (empty: all).

    Returns `rows` (source, kind, rows, loads, first and last load), `persons` (distinct, with those merged as one, by
    law, minors, and how many the vault knows each identifier of), `staff`, `sensitive_texts`, `fields` by class.
    """
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        of = [kind for kind in KINDS if not kinds or kind in kinds]
        condition = told(since, until, sources, loads)
        con.execute(f"CREATE TEMP TABLE touched AS {' UNION ALL '.join(_rows(k, KINDS[k], condition) for k in of)}")
        found: dict[str, Any] = {
            "rows": _listed(
                con,
                "SELECT source, kind, count(*) AS n, count(DISTINCT load_id) AS loads, min(loaded_at) AS first_load_at, "
                "max(loaded_at) AS last_load_at FROM touched GROUP BY ALL ORDER BY ALL",
            ),
            "fields": _fields(con, sorted({k for (k,) in con.execute("SELECT DISTINCT kind FROM touched").fetchall()}), condition),
        }  # fmt: skip
        if (home.folder("vault") / "vault.duckdb").exists():
            with open_vault(con, home, keyring, read_only=True):
                return found | _persons(con)
        con.execute("ATTACH ':memory:' AS vault")
        con.execute("CREATE TABLE vault.subject (subject_id VARCHAR, current_id VARCHAR, is_minor BOOLEAN)")
        con.execute("CREATE TABLE vault.identity (subject_id VARCHAR, domain VARCHAR)")
        return found | _persons(con)
    finally:
        con.close()


def told(since: datetime | None, until: datetime | None, sources: Collection[str], loads: Collection[str] = ()) -> str:
    """SQL: the condition on rows of a kind."""
    conditions = ["true"]
    conditions += [f"loaded_at >= TIMESTAMP {literal(f'{since:%Y-%m-%d %H:%M:%S.%f}')}"] if since else []
    conditions += [f"loaded_at < TIMESTAMP {literal(f'{until:%Y-%m-%d %H:%M:%S.%f}')}"] if until else []
    conditions += [f"source IN ({', '.join(literal(s) for s in sources)})"] if sources else []
    conditions += [f"load_id IN ({', '.join(literal(x) for x in loads)})"] if loads else []
    return " AND ".join(conditions)


def _rows(kind: str, record: Record, told: str) -> str:
    names = set(record.protected_schema.names)
    sensitive = "coalesce(is_sensitive_text, false)" if "is_sensitive_text" in names else "false"
    agent = marks.bare("agent_key") if "agent_key" in names else "CAST(NULL AS VARCHAR)"
    return (
        f"SELECT {literal(kind)} AS kind, source, load_id, loaded_at, subject_key, jurisdiction, {agent} AS agent_key, "
        f"{sensitive} AS is_sensitive FROM lake.{identifier(kind)} WHERE {told}"
    )


def _persons(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Counts of persons; needs `touched`, the vault and the keyed hashes."""
    con.execute(
        f"""
        CREATE TEMP TABLE concerned AS
        SELECT coalesce(s.person, t.subject_key) AS person, max(nullif(t.jurisdiction, 'unknown')) AS law, s.person IN ({MINORS}) AS is_minor
        FROM touched t LEFT JOIN (
            SELECT hmac_pseudonym_person(subject_id) AS subject_key, coalesce(current_id, subject_id) AS person FROM vault.subject
        ) s USING (subject_key)
        WHERE t.subject_key IS NOT NULL GROUP BY 1, s.person
        """
    )
    known = _listed(
        con,
        "SELECT i.domain AS identifier, count(DISTINCT c.person) AS n FROM concerned c JOIN vault.subject s "
        "ON coalesce(s.current_id, s.subject_id) = c.person JOIN vault.identity i USING (subject_id) GROUP BY 1 ORDER BY 1",
    )
    laws = _listed(con, "SELECT coalesce(law, 'unknown') AS law, count(*) AS n FROM concerned GROUP BY 1 ORDER BY 1")
    (counted,) = _listed(con, "SELECT count(*) AS n, count(*) FILTER (is_minor) AS minors FROM concerned")
    (others,) = _listed(
        con,
        "SELECT count(DISTINCT agent_key) AS staff, count(*) FILTER (is_sensitive) AS sensitive_texts FROM touched",
    )
    by_source = _listed(
        con,
        "SELECT source, count(DISTINCT subject_key) AS n FROM touched WHERE subject_key IS NOT NULL GROUP BY 1 ORDER BY 1",
    )
    return {
        "persons": counted["n"],
        "minors": counted["minors"],
        "persons_by_law": {r["law"]: r["n"] for r in laws},
        "persons_by_source": {r["source"]: r["n"] for r in by_source},
        "persons_by_identifier": {r["identifier"]: r["n"] for r in known},
        **others,
    }


def _fields(con: duckdb.DuckDBPyConnection, kinds: list[str], told: str) -> dict[str, list[str]]:
    """Fields, as kind.field, that hold something in those rows: what narrows a person down, texts, keys of records."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        held = {str(f.protected_name): f for f in KINDS[kind].fields if f.protected_name and f.privacy in CLASSES}
        if not held:
            continue
        counted = ", ".join(f"count({identifier(name)})" for name in held)
        row = con.execute(f"SELECT {counted} FROM lake.{identifier(kind)} WHERE {told}").fetchone() or ()
        for field, n in zip(held.values(), row, strict=True):
            if n:
                found.setdefault(str(field.privacy), []).append(f"{kind}.{field.name}")
    return {name: sorted(fields) for name, fields in sorted(found.items())}


CLASSES = (Privacy.IDENTIFIER, Privacy.RECORD_KEY, Privacy.QUASI, Privacy.TEXT)


def _listed(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = con.execute(sql).to_arrow_table().to_pylist()
    return rows
