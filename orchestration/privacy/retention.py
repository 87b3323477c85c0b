"""Retention: what is past its term goes for good: rows, then texts, identities and evidence of consent.

Keep out: sealed pages and quarantined batches (landing/pages.py, lake/quarantine.py) and rewriting itself.
Terms count from the event a row tells of; a source declares them in source.toml, `none` for a declared public set.
What has gone stays counted: `withheld(expired)` in the ledger.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home, now, write_durably
from orchestration.lake import quarantine, stage
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing.pages import refused_loads
from orchestration.privacy import heeded, marks, pseudonyms, refusals
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import ErasedList, RestrictedList
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.vault import is_vault_there, open_vault, renew_due, renew_later
from orchestration.records import KINDS, Privacy, Record
from orchestration.sources.contract import Settings

DEFAULT_TEXT_MONTHS = 24  # of a source that is not configured any more
DEFAULT_IDENTITY_MONTHS = 24
DEFAULT_ROW_MONTHS = 36
NEVER = datetime(9999, 12, 31)
PERSONS_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Expired:
    """What was past its term: rows of the lake, rows whose texts went, identities, ids of records that are nobody's.

    Consents, and lines of the audit log.
    """

    rows: int = 0
    texts: int = 0
    identities: int = 0
    record_ids: int = 0
    consents: int = 0
    audit_lines: int = 0

    @property
    def nothing(self) -> bool:
        return not any(asdict(self).values())


def run(home: Home, keyring: Keyring, sources: Mapping[str, Settings], dry_run: bool = False) -> Expired:
    """Delete what is past its term; `dry_run` counts it. Cheap when nothing can be due: no file of the lake is opened.

    The caller holds the home's lock. `sources`: every source configured, switched off ones too.
    What a death left of the last time is made up for first.
    """
    if not dry_run:
        renew_due(home, keyring)
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
        persons_due = persons_due or bool(found["rows"])
        if persons_due:
            found |= _expire_vault(con, lake, keyring, sources, at, dry_run)
        if dry_run:
            return Expired(**found)
        log = AuditLog(home, keyring)
        found["audit_lines"] = log.expire(Policy.of(home).audit_days)
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


def gone_since(home: Home) -> float:
    """When rows last went out of the lake: a look back made before holds them in its figures."""
    rewritings = home.folder("lake", "_rewrites").glob("*.json")
    return max((p.stat().st_mtime for p in rewritings if not p.stem.endswith(("compaction", "rotation"))), default=0)


def drop_looks_back(home: Home, keyring: Keyring) -> None:
    """Remove looks back older than the newest erasure, or than the last time rows went: of releases that left them."""
    if looks := home.looks_back():
        erased = [datetime.fromisoformat(e.erased_at).replace(tzinfo=UTC) for e in ErasedList(home, keyring).entries()]
        since = max([gone_since(home), *(at.timestamp() for at in erased)])
        for path in looks:
            if path.stat().st_mtime < since:
                path.unlink()


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
            gone += f" AND NOT ({_in_force(at)})"
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


def _in_force(at: datetime) -> str:
    """SQL on a row `r` of consents in the lake.

    A grant that has neither ended nor been withdrawn since, by whichever key its person was known, is evidence still.
    """
    now_known = (
        "SELECT subject_key, arg_max_null(current_subject_key, valid_from) AS now FROM lake._subjects GROUP BY 1"
    )
    of_person = (
        "(SELECT c.*, coalesce(s.now, c.subject_key) AS person "
        f"FROM lake.consent c LEFT JOIN ({now_known}) s USING (subject_key))"
    )
    return (
        f"action = 'grant' AND coalesce(expires_at, TIMESTAMP '{NEVER}') >= TIMESTAMP '{at}' AND NOT EXISTS ("
        f"SELECT 1 FROM {of_person} w JOIN {of_person} g USING (person, purpose) WHERE w.action = 'withdraw' "
        "AND g.subject_key = r.subject_key AND g.purpose = r.purpose AND w.given_at >= r.given_at)"
    )


def _expire_vault(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    keyring: Keyring,
    sources: Mapping[str, Settings],
    at: datetime,
    dry_run: bool,
) -> dict[str, int]:
    """Take out of the vault what is past its term (`vault_due`).

    The vault's file is new after: a note of that stands before anything goes. Words kept outside of it go first: those
    that a death leaves in the vault are put back there with the next run (`restriction.remember`).
    """
    home = lake.home
    if not is_vault_there(home):
        return {}
    with open_vault(con, home, keyring, read_only=dry_run):
        found = vault_due(con, lake, keyring, sources, at)
        is_due = not dry_run and any(found.values())
        if is_due:
            renew_later(home)
            RestrictedList(home, keyring).forget(tuple(i for (i,) in con.execute("FROM _silent").fetchall()))
            con.execute(
                "DELETE FROM vault.consent c USING _stale s WHERE c.consent_ref = s.consent_ref AND c.purpose = s.purpose "
                "AND c.action = s.action AND c.given_at = s.given_at"
            )
            con.execute(f"DELETE FROM vault.withdrawal WHERE given_at < {evidence_since(Policy.of(home), at)}")
            # Consents have a term of their own, as evidence; merges are what rows of the lake are still joined by.
            for table in ("identity", "record_key", "restriction", "subject"):
                con.execute(f"DELETE FROM vault.{table} WHERE subject_id IN (FROM _silent)")
            con.execute("DELETE FROM vault.record_key WHERE subject_id IS NULL AND key_hash IN (FROM _rowless)")
            con.execute("DELETE FROM vault.agent WHERE agent_key IN (FROM _silent_agents)")
    if is_due:
        renew_due(home, keyring)
    return found


def vault_due(
    con: duckdb.DuckDBPyConnection, lake: Lake, keyring: Keyring, sources: Mapping[str, Settings], at: datetime
) -> dict[str, int]:
    """How much of the vault is past its term at `at`; needs the vault, the lake and the keyed hashes on `con`.

    Temp tables: `_silent` (subject_id) not heard of for a term, `_rowless` (key_hash) ids that name no person and no
    row, `_stale` consents out of force, `_silent_agents`.
    Whoever has no row in the lake, and none that waits, is kept as long as the sealed pages are that told of them: they
    were refused. Not who gave or took back a consent, or objected: their words have to be heeded when they come again,
    for a term from the last. Whose refused rows wait, or who has a request open, is known as long, whatever else is.
    """
    home = lake.home
    months = {n: s.identity_retention_months for n, s in sources.items()}
    policy = Policy.of(home)
    landed = f"INTERVAL {policy.landing_days} DAY"
    changes = changes_due(sources, at)
    kept = {
        k: f"(SELECT r.* FROM lake.{identifier(k)} AS r WHERE NOT coalesce({changes[k].gone}, false))" for k in KINDS
    }
    waiting = _waiting(lake)
    heard = [
        f"SELECT subject_key, coalesce({_term(_event(r), months, DEFAULT_IDENTITY_MONTHS)}, TIMESTAMP '{NEVER}') AS until "
        f"FROM {kept[k]} WHERE subject_key IS NOT NULL"
        for k, r in KINDS.items()
        if r.has_person
    ]
    heard += [f"SELECT subject_key, TIMESTAMP '{NEVER}' FROM {w}" for k, w in waiting.items() if KINDS[k].has_person]
    refusals.prepare_waiting(con, home, keyring)
    # A load's id tells when it began and of which source: for persons of whom no row was let in.
    born = "strptime(left(first_load, 15), '%Y%m%dT%H%M%S')"
    source = "regexp_replace(first_load, '^[^-]*-[^-]*-', '')"
    term = _term("k.since", months, DEFAULT_IDENTITY_MONTHS)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _silent AS
        WITH heard AS (SELECT subject_key, max(until) AS until FROM ({" UNION ALL ".join(heard)}) GROUP BY 1),
        said AS (
            SELECT subject_id, max(since) AS since FROM (
                SELECT subject_id, given_at AS since FROM vault.consent UNION ALL SELECT subject_id, since FROM vault.restriction
            ) GROUP BY 1
        ),
        needed AS (
            SELECT subject_id FROM _refused_persons UNION SELECT unnest(subject_ids) FROM vault.request WHERE closed_at IS NULL
        ),
        known AS (
            SELECT s.*, c.subject_id IS NOT NULL AS has_said, greatest(s.born, c.since) AS since
            FROM (SELECT *, {born} AS born, {source} AS source FROM vault.subject) s LEFT JOIN said c USING (subject_id)
        ),
        terms AS (
            SELECT coalesce(k.current_id, k.subject_id) AS person, max(CASE
                WHEN k.subject_id IN (SELECT subject_id FROM needed WHERE subject_id IS NOT NULL) THEN TIMESTAMP '{NEVER}'
                WHEN k.has_said THEN greatest(h.until, coalesce({term}, TIMESTAMP '{NEVER}'))
                ELSE coalesce(h.until, least({term}, k.born + {landed}), TIMESTAMP '{NEVER}') END) AS until
            FROM known k LEFT JOIN heard h ON h.subject_key = hmac_pseudonym_person(k.subject_id) GROUP BY 1
        )
        SELECT s.subject_id FROM vault.subject s JOIN terms t ON t.person = coalesce(s.current_id, s.subject_id)
        WHERE t.until < TIMESTAMP '{at}'
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _stale AS
        WITH known_as AS (SELECT subject_id, arg_max_null(current_id, number) AS now FROM vault.merge GROUP BY 1),
        said AS (  -- merges outlive who the person was
            SELECT c.*, coalesce(k.now, c.subject_id) AS person FROM vault.consent c LEFT JOIN known_as k USING (subject_id)
        )
        SELECT c.consent_ref, c.purpose, c.action, c.given_at FROM said c
        WHERE least(coalesce(c.expires_at, TIMESTAMP '{NEVER}'), CASE WHEN c.action = 'withdraw' THEN c.given_at ELSE coalesce((
            SELECT min(w.given_at) FROM said w WHERE w.person = c.person AND w.purpose = c.purpose
            AND w.action = 'withdraw' AND w.given_at >= c.given_at), TIMESTAMP '{NEVER}') END)
            < {evidence_since(policy, at)}
        """
    )
    named = " UNION ALL ".join(
        f"SELECT {identifier(str(f.protected_name))} AS key_hash FROM {rows}"
        for rows_of in (kept, waiting)
        for k, rows in rows_of.items()
        for f in KINDS[k].own_keys
    )
    # Ids of before loads were told have no day: they wait until loads have been told for as long as pages live.
    told = "SELECT min(first_load) AS first_load FROM vault.record_key"
    since = (
        f"coalesce({born}, (SELECT {born} FROM ({told}))) + {landed}" if _tells_first_load(con) else "NULL::TIMESTAMP"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _rowless AS SELECT key_hash FROM vault.record_key k ANTI JOIN ({named}) USING (key_hash) "
        f"WHERE subject_id IS NULL AND coalesce({since} < TIMESTAMP '{at}', false)"
    )
    con.execute(_silent_agents(home, months, at))
    return {
        "identities": _number(
            con,
            "SELECT (SELECT count(*) FROM vault.identity WHERE subject_id IN (FROM _silent)) + (SELECT count(*) FROM _silent_agents)",
        ),
        "record_ids": _number(con, "SELECT count(*) FROM _rowless"),
        "consents": _number(
            con, f"SELECT count(*) FROM (FROM _stale UNION {heeded.ended(con, evidence_since(policy, at))})"
        ),
    }


def evidence_since(policy: Policy, at: datetime) -> str:
    """SQL: the instant since when consents out of force are kept."""
    return f"TIMESTAMP '{at}' - INTERVAL {policy.evidence_months} MONTH"


def _waiting(lake: Lake) -> dict[str, str]:
    """By kind, rows that wait to be let in: staged, or in quarantine."""
    files: dict[str, list[Path]] = {}
    for part in (part for manifest in stage.staged(lake.home) for part in manifest.parts):
        files.setdefault(part.kind, []).append(lake.home.lake / part.path)
    for note in quarantine.batches(lake.home):
        path = lake.home.root / "quarantine" / f"{note['batch']}.parquet"
        if path.exists():
            files.setdefault(note["part"]["kind"], []).append(path)
    return {kind: f"({lake.read_sql(kind, paths)})" for kind, paths in files.items()}


def _tells_first_load(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the vault, open for reading, has been opened for writing since ids of records tell their load."""
    column = "database_name = 'vault' AND table_name = 'record_key' AND column_name = 'first_load'"
    return bool(_number(con, f"SELECT count(*) FROM duckdb_columns() WHERE {column}"))


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
    """Whether rows or texts may be due (new commits, or a term noted has ended), and persons.

    Persons when a day has passed, or what told of them may have gone.
    """
    path = home.folder("ops") / "retention.json"
    if not path.exists():
        return True, True
    noted: dict[str, Any] = json.loads(path.read_text())
    rows = noted["commits"] != len(lake.commits) or datetime.fromisoformat(noted["rows_at"]) < at
    is_day_over = datetime.fromisoformat(noted["persons_at"]) + PERSONS_EVERY <= at
    before, told = noted.get("told_by"), _told_by(home, lake)
    went = not isinstance(before, dict) or (
        before["rewrites"] != told["rewrites"] or not set(before["held"]) <= set(told["held"])
    )
    return rows, is_day_over or went


def _told_by(home: Home, lake: Lake) -> dict[str, Any]:
    """What tells of persons and can go between two days: rewritings, batches in quarantine, lists of refused rows."""
    batches = [path.name for path in home.folder("quarantine").glob("*/*.parquet")]
    return {"rewrites": len(lake.rewrites), "held": sorted([*batches, *(r.load_id for r in refused_loads(home))])}


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
    before = json.loads(path.read_text()) if path.exists() else {}
    lake.forget()
    content = {
        "rows_at": (row[0] if row else NEVER).isoformat(),
        "commits": len(lake.commits),
        "persons_at": persons_at.isoformat() if persons_at else before["persons_at"],
        "told_by": _told_by(home, lake),
    }
    write_durably(path, json.dumps(content).encode())


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
