"""Retention: what is past its term goes for good: rows, then texts, identities and evidence of consent.

Keep out: sealed pages and quarantined batches (landing/pages.py, lake/quarantine.py) and rewriting itself.
Terms count from the event a row tells of; a source declares them in source.toml, `none` for a declared public set.
What has gone stays counted: `withheld(expired)` in the ledger.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home, now, write_durably
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import marks, pseudonyms
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.vault import open_vault, renew_vault
from orchestration.records import KINDS, Privacy, Record
from orchestration.sources.contract import Settings

DEFAULT_TEXT_MONTHS = 24  # of a source that is not configured any more
DEFAULT_IDENTITY_MONTHS = 24
DEFAULT_ROW_MONTHS = 36
EVIDENCE_MONTHS = 36  # of a consent that is no longer in force
NEVER = datetime(9999, 12, 31)
PERSONS_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Expired:
    """What was past its term: rows of the lake, rows whose texts went, identities, consents, lines of the audit log."""

    rows: int = 0
    texts: int = 0
    identities: int = 0
    consents: int = 0
    audit_lines: int = 0

    @property
    def nothing(self) -> bool:
        return not any(asdict(self).values())


def run(home: Home, keyring: Keyring, sources: Mapping[str, Settings], dry_run: bool = False) -> Expired:
    """Delete what is past its term; `dry_run` counts it. Cheap when nothing can be due: no file of the lake is opened.

    The caller holds the home's lock. `sources`: every source configured, switched off ones too.
    """
    at = now().replace(tzinfo=None)
    lake = Lake(home, keyring.base64(LAKE_KEY))
    rows_due, persons_due = (True, True) if dry_run else _due(home, lake, at)
    if not rows_due and not persons_due:
        return Expired()
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        lake.register(con)
        changes = changes_due(sources, at)
        counted = rewriting.count(con, lake, changes)
        found = {
            "rows": sum(gone for gone, _ in counted.values()),
            "texts": sum(changed for _, changed in counted.values()),
        }
        if persons_due:
            found |= _expire_vault(con, home, keyring, sources, at, dry_run)
        if dry_run:
            return Expired(**found)
        log = AuditLog(home, keyring)
        found["audit_lines"] = log.expire()
        if not Expired(**found).nothing:
            log.append("retention", **found)
        if found["rows"] or found["texts"]:
            home.remove_warehouse()
            due = {kind: change for kind, change in changes.items() if any(counted.get(kind, ()))}
            rewriting.rewrite(con, lake, "retention", due, {"rows": found["rows"], "texts": found["texts"]})
            lake.register(con)
        _note_due(con, home, lake, sources, at if persons_due else None)
    finally:
        con.close()
    return Expired(**found)


def changes_due(sources: Mapping[str, Settings], at: datetime) -> dict[str, Change]:
    """By kind what is past its term at `at` (naive UTC): rows by their own `retain_until`, texts by their source's.

    Rows of the directory have none: whoever is employed still is known by when the row is judged (`_staff_term`).
    """
    found = {}
    for kind, record in KINDS.items():
        gone = (
            f"coalesce({_staff_term(sources)} < TIMESTAMP '{at}', false)"
            if record.is_directory
            else f"retain_until < TIMESTAMP '{at}'"
        )
        if kind == "consent":
            gone += f" AND NOT ({_in_force('consent', at)})"
        texts = [f.name for f in record.fields if f.privacy is Privacy.TEXT]
        if not texts:
            found[kind] = Change(gone)
            continue
        written = " OR ".join(f"{identifier(t)} IS NOT NULL" for t in texts)
        becomes = (
            dict.fromkeys(texts, "NULL") | {f"{t}_redactions": "0" for t in texts} | {"is_sensitive_text": "false"}
        )
        found[kind] = Change(
            gone, "'expired'", becomes, f"({written}) AND {_text_term(record, sources)} < TIMESTAMP '{at}'"
        )
    return found


def overdue(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], at: datetime) -> tuple[int, int]:
    """Rows of the lake (registered on `con`), and how many of them are past a term or still have a text past its."""
    rows = late = 0
    for kind, change in changes_due(sources, at).items():
        found = con.execute(
            f"SELECT count(*), count(*) FILTER (({change.gone}) OR ({change.concerns})) FROM lake.{identifier(kind)} AS r"
        ).fetchone()
        rows, late = rows + (found[0] if found else 0), late + (found[1] if found else 0)
    return rows, late


def _event(record: Record) -> str:
    return f"coalesce({identifier(record.event_time)}, loaded_at)" if record.event_time else "loaded_at"


def _term(event: str, months: Mapping[str, int | None], default: int) -> str:
    """SQL: the instant a term ends, by source; null where it never does."""
    cases = " ".join(
        f"WHEN {literal(source)} THEN {f'{event} + INTERVAL {n} MONTH' if n is not None else 'NULL'}"
        for source, n in sorted(months.items())
    )
    other = f"{event} + INTERVAL {default} MONTH"
    return f"(CASE source {cases} ELSE {other} END)" if cases else f"({other})"


def _text_term(record: Record, sources: Mapping[str, Settings]) -> str:
    return _term(_event(record), {n: s.text_retention_months for n, s in sources.items()}, DEFAULT_TEXT_MONTHS)


def _staff_term(sources: Mapping[str, Settings]) -> str:
    """SQL on a row `r` of the directory in the lake: the instant its term ends; null while nothing says when.

    A version that another replaced has the term of any row, from its event. What stands of somebody is held as long as
    they are employed, and then, with all versions before, for the term of identities.
    """
    order = "coalesce({0}.updated_at, {0}.loaded_at)"
    same = "FROM lake.agent n WHERE n.source = r.source AND n.agent_key = r.agent_key"
    newer = f"({order.format('n')}, n.loaded_at) > ({order.format('r')}, r.loaded_at)"
    event = _term(_event(KINDS["agent"]), {n: s.retention_months for n, s in sources.items()}, DEFAULT_ROW_MONTHS)
    left = f"(SELECT arg_max_null(n.left_on, {order.format('n')}) {same})"
    months = {n: s.identity_retention_months for n, s in sources.items()}
    return f"least(CASE WHEN EXISTS (SELECT 1 {same} AND {newer}) THEN {event} END, {_term(left, months, DEFAULT_IDENTITY_MONTHS)})"


def _in_force(table: str, at: datetime) -> str:
    """SQL on a row of consents in the lake.

    A grant that has neither ended nor been withdrawn since is evidence still.
    """
    return (
        f"action = 'grant' AND coalesce(expires_at, TIMESTAMP '{NEVER}') >= TIMESTAMP '{at}' AND NOT EXISTS ("
        f"SELECT 1 FROM lake.{table} w WHERE w.action = 'withdraw' AND w.subject_key = r.subject_key "
        "AND w.purpose = r.purpose AND w.given_at >= r.given_at)"
    )


def _expire_vault(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    keyring: Keyring,
    sources: Mapping[str, Settings],
    at: datetime,
    dry_run: bool,
) -> dict[str, int]:
    """Identities of persons not heard of for a term, and consents out of force for theirs.

    The vault's file is new after.
    """
    if not (home.folder("vault") / "vault.duckdb").exists():
        return {"identities": 0, "consents": 0}
    months = {n: s.identity_retention_months for n, s in sources.items()}
    heard = " UNION ALL ".join(
        f"SELECT subject_key, coalesce({_term(_event(r), months, DEFAULT_IDENTITY_MONTHS)}, TIMESTAMP '{NEVER}') AS until "
        f"FROM lake.{identifier(k)} WHERE subject_key IS NOT NULL"
        for k, r in KINDS.items()
        if r.has_person
    )
    # A load's id tells when it began and of which source: for persons of whom no row was let in.
    born = "strptime(left(first_load, 15), '%Y%m%dT%H%M%S')"
    source = "regexp_replace(first_load, '^[^-]*-[^-]*-', '')"
    with open_vault(con, home, keyring, read_only=dry_run):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _silent AS
            WITH heard AS (SELECT subject_key, max(until) AS until FROM ({heard}) GROUP BY 1),
            terms AS (
                SELECT coalesce(s.current_id, s.subject_id) AS person,
                       max(coalesce(h.until, {_term("s.born", months, DEFAULT_IDENTITY_MONTHS)}, TIMESTAMP '{NEVER}')) AS until
                FROM (SELECT *, {born} AS born, {source} AS source FROM vault.subject) s
                LEFT JOIN heard h ON h.subject_key = hmac_pseudonym_person(s.subject_id) GROUP BY 1
            )
            SELECT s.subject_id FROM vault.subject s JOIN terms t ON t.person = coalesce(s.current_id, s.subject_id)
            WHERE t.until < TIMESTAMP '{at}'
            """
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _stale AS
            SELECT c.consent_ref, c.purpose, c.action, c.given_at FROM vault.consent c
            WHERE least(coalesce(c.expires_at, TIMESTAMP '{NEVER}'), CASE WHEN c.action = 'withdraw' THEN c.given_at ELSE coalesce((
                SELECT min(w.given_at) FROM vault.consent w WHERE w.subject_id = c.subject_id AND w.purpose = c.purpose
                AND w.action = 'withdraw' AND w.given_at >= c.given_at), TIMESTAMP '{NEVER}') END)
                < TIMESTAMP '{at}' - INTERVAL {EVIDENCE_MONTHS} MONTH
            """
        )
        con.execute(_silent_agents(home, months, at))
        identities = _number(
            con,
            "SELECT (SELECT count(*) FROM vault.identity WHERE subject_id IN (FROM _silent)) + (SELECT count(*) FROM _silent_agents)",
        )
        consents = _number(con, "SELECT count(*) FROM _stale")
        if not dry_run and (identities or consents):
            con.execute(
                "DELETE FROM vault.consent c USING _stale s WHERE c.consent_ref = s.consent_ref AND c.purpose = s.purpose "
                "AND c.action = s.action AND c.given_at = s.given_at"
            )
            for table in ("identity", "record_key", "subject"):
                con.execute(f"DELETE FROM vault.{table} WHERE subject_id IN (FROM _silent)")
            con.execute("DELETE FROM vault.agent WHERE agent_key IN (FROM _silent_agents)")
    if not dry_run and (identities or consents):
        renew_vault(con, home, keyring)
    return {"identities": identities, "consents": consents}


def _silent_agents(home: Home, months: Mapping[str, int | None], at: datetime) -> str:
    """SQL: temp table `_silent_agents`, members of staff whose term has ended since they left, or were last heard of.

    Who is still employed by the newest row about them is heard of. One of whom the lake holds nothing (any more) goes,
    unless batches wait in quarantine that may tell of them.
    """
    heard = " UNION ALL ".join(
        f"SELECT {marks.bare('agent_key')} AS agent_key, {_term(_event(r), months, DEFAULT_IDENTITY_MONTHS)} AS until FROM lake.{identifier(k)}"
        for k, r in KINDS.items()
        if k != "agent" and "agent_key" in r.protected_schema.names
    )
    told = "max_by({}, coalesce(updated_at, loaded_at))"
    left = _term("left_on", months, DEFAULT_IDENTITY_MONTHS)
    nothing_waits = not any(home.folder("quarantine").glob("*/*.parquet"))
    return f"""
        CREATE OR REPLACE TEMP TABLE _silent_agents AS
        WITH employed AS (
            SELECT agent_key, CASE WHEN left_on IS NULL THEN TIMESTAMP '{NEVER}' ELSE {left} END AS until FROM (
                SELECT agent_key, {told.format("source")} AS source,
                    arg_max_null(left_on, coalesce(updated_at, loaded_at)) AS left_on FROM lake.agent GROUP BY 1)
        ),
        terms AS (
            SELECT agent_key, max(coalesce(until, TIMESTAMP '{NEVER}')) AS until
            FROM (FROM employed UNION ALL {heard}) GROUP BY 1
        )
        SELECT a.agent_key FROM vault.agent a LEFT JOIN terms t USING (agent_key)
        WHERE coalesce(t.until < TIMESTAMP '{at}', {nothing_waits})
    """


def _due(home: Home, lake: Lake, at: datetime) -> tuple[bool, bool]:
    """Whether rows or texts may be due (new commits, or a term noted has ended), and persons (a day has passed)."""
    path = home.folder("ops") / "retention.json"
    if not path.exists():
        return True, True
    noted: dict[str, Any] = json.loads(path.read_text())
    rows = noted["commits"] != len(lake.commits) or datetime.fromisoformat(noted["rows_at"]) < at
    return rows, datetime.fromisoformat(noted["persons_at"]) + PERSONS_EVERY <= at


def _note_due(
    con: duckdb.DuckDBPyConnection, home: Home, lake: Lake, sources: Mapping[str, Settings], persons_at: datetime | None
) -> None:
    """Note when the next row or text is due, and when persons were last asked after."""
    terms = []
    for kind, record in KINDS.items():
        ends = ["retain_until"]
        if kind == "consent":
            ends = ["CASE WHEN action <> 'grant' OR expires_at IS NOT NULL THEN greatest(retain_until, expires_at) END"]
        if record.is_directory:
            ends = [_staff_term(sources)]
        if texts := [f.name for f in record.fields if f.privacy is Privacy.TEXT]:
            written = " OR ".join(f"{identifier(t)} IS NOT NULL" for t in texts)
            ends.append(f"CASE WHEN {written} THEN {_text_term(record, sources)} END")
        terms.append(f"SELECT min(least({', '.join(ends)})) AS until FROM lake.{identifier(kind)} AS r")
    row = con.execute(f"SELECT coalesce(min(until), TIMESTAMP '{NEVER}') FROM ({' UNION ALL '.join(terms)})").fetchone()
    path = home.folder("ops") / "retention.json"
    before = json.loads(path.read_text())["persons_at"] if path.exists() else None
    content = {
        "rows_at": (row[0] if row else NEVER).isoformat(),
        "commits": len(lake.commits),
        "persons_at": persons_at.isoformat() if persons_at else before,
    }
    write_durably(path, json.dumps(content).encode())


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
