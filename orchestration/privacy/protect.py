"""Protect: conformed rows in, protected rows out; identities replaced, text redacted, refusals counted.

Keep out: who is who (resolve.py), the rules of redaction (redaction.py, rules/), storing (lake/).
One SQL statement a kind, no per-row Python, the same result whatever the batch size: it reads the connection's tables
and nothing else (docs/decisions/0014).
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.engine import identifier, literal
from orchestration.privacy import flows, marks, of_case, place, redaction, words
from orchestration.privacy.normalise import NOBODY
from orchestration.privacy.policy import (
    UNCONSENTED_KINDS,
    Policy,
    basis_sql,
    ground_without_customer,
    jurisdiction_sql,
    notice_sql,
)
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.scratch import Scratch
from orchestration.records import KINDS, Field, Privacy, Record
from orchestration.sources.contract import CROSS_BORDER, Settings

GATE_VERSION = "1"
RESIDUAL = "residual_identifier:"  # refused: the column named after still shows an identifier
OTHER_NOTICE = (
    "consent_under_other_notice"  # refused: it covers the row, and was given under a notice that is not listed
)
OPENED_AT_ONCE = 50_000  # subjects whose identifiers are in memory together


@dataclass(frozen=True)
class Protected:
    """Result for one batch: view `protected_<kind>` in the contract's protected schema, and refusals by reason."""

    kind: str
    rows: int
    duplicates: int  # further copies of its rows
    rejected: dict[str, int]
    redactions: int


def prepare_consents(con: duckdb.DuckDBPyConnection, persons: str | None = None) -> None:
    """Temp table `_consents`: grants in force now (not withdrawn since), with the stretch they cover and their notice.

    `persons`: a select of whose (their current ids in the vault); None: everybody's.
    """
    kept = con.execute(
        "SELECT 1 FROM duckdb_columns() WHERE database_name = 'vault' AND table_name = 'consent' AND column_name = 'notice_version'"
    ).fetchone()  # not yet in a vault that was only read since versions are kept
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _consents AS
        WITH given AS (
            SELECT c.* REPLACE (s.current_id AS subject_id) FROM vault.consent c JOIN vault.subject s USING (subject_id)
            WHERE {f"s.current_id IN ({persons})" if persons else "s.current_id IS NOT NULL"}
        )
        SELECT g.subject_id, g.purpose, g.consent_type = 'guardian' AS is_guardian,
               coalesce(g.consent_type IN ('separate', 'guardian'), false) AS is_separate, g.given_at AS valid_from,
               coalesce(g.expires_at, TIMESTAMP '9999-12-31') AS valid_to, g.consent_ref,
               {"g.notice_version" if kept else "NULL::VARCHAR"} AS notice
        FROM given g
        WHERE g.action = 'grant' AND NOT EXISTS (
            SELECT 1 FROM given w WHERE w.subject_id = g.subject_id AND w.purpose = g.purpose
            AND w.action = 'withdraw' AND w.given_at >= g.given_at)
        """
    )


def prepare_unproved(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """Temp table `_unproved` (who, unproved_key).

    Whom a row counts as in thresholds, at its source, if nobody is proved.
    Identity is not decided by it. Ten posts of one handle are one author's; two rows of one name count as one person's:
    rather too few than too many. An address or number that proves today may prove nothing once many share it, so that
    only rows that name an account go without. Needs `_ident`.
    """
    nobody = ", ".join(map(literal, NOBODY))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _unproved AS
        SELECT who, hmac_pseudonym_person({scoped("domain || chr(31) || value", source, "unproved")}) AS unproved_key
        FROM (SELECT who, domain, lower(value) AS value FROM _ident i
              WHERE NOT EXISTS (SELECT 1 FROM _ident a WHERE a.who = i.who AND a.domain = 'account'))
        WHERE domain IN ('handle', 'email', 'phone', 'name') AND value NOT IN ({nobody})
        QUALIFY row_number() OVER (
            PARTITION BY who ORDER BY list_position(['handle', 'email', 'phone', 'name'], domain), value) = 1
        """
    )


def prepare_names(con: duckdb.DuckDBPyConnection, scratch: Scratch) -> None:
    """Rows `_own`: what the vault knows each subject by, one value a row, for record-linked redaction.

    Beside them `_agents`, and `_name_hashes`, the blind index of every name the vault holds.
    Identifiers are opened for some subjects at a time, so that memory does not grow with a load. Needs `_case_persons`.
    """
    from orchestration.privacy.vault import unseal_identities

    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _wanted AS
        SELECT subject_id, row_number() OVER () // {OPENED_AT_ONCE} AS bundle
        FROM (SELECT subject_id FROM _subject_map WHERE subject_id IS NOT NULL UNION SELECT subject_id FROM _case_persons)
        """
    )
    scratch.put("_own", "SELECT NULL::VARCHAR AS subject_id, NULL::VARCHAR AS role, NULL::VARCHAR AS value WHERE false")
    for (bundle,) in con.execute("SELECT DISTINCT bundle FROM _wanted ORDER BY 1").fetchall():
        known = con.execute(
            "SELECT w.subject_id, v.domain, v.index_hash, v.sealed, s.secret FROM vault.identity v "
            "JOIN vault.subject s USING (subject_id) JOIN _wanted w ON w.subject_id = s.current_id "
            "WHERE v.domain <> 'account' AND w.bundle = ?",
            [bundle],
        ).to_arrow_table()
        values = known.select(["subject_id", "domain"]).append_column("value", unseal_identities(known))
        con.register("_known", values)
        scratch.add("_own", "SELECT DISTINCT subject_id, domain AS role, value FROM _known")
        con.unregister("_known")
    scratch.show("_own", scratch.relation("_own"))
    con.execute("DROP TABLE _wanted")
    con.execute("CREATE OR REPLACE TEMP TABLE _agents AS SELECT agent_key, names FROM vault.agent")
    scratch.put("_name_hashes", "SELECT DISTINCT index_hash FROM vault.identity WHERE domain = 'name'")


def content_hash_sql(record: Record) -> str:
    """SQL: keyed hash of all that a conformed row says; equal only where every field is, the record's key among them.

    Fields without a value are left out, so that a contract may grow and equal rows stay equal.
    """
    whole = ", ".join(f"'{f.name}' || chr(30) || {identifier(f.name)}::VARCHAR" for f in record.fields)
    return f"hmac_content(concat_ws(chr(31), {whole}))"


def text_bytes_sql(record: Record) -> str:
    """SQL: how long a row's texts are, the part of it that has no bound."""
    texts = [f.name for f in record.fields if f.privacy is Privacy.TEXT]
    return " + ".join(f"coalesce(strlen({identifier(t)}), 0)" for t in texts) or "0"


def protect(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    policy: Policy,
    kind: str,
    load_id: str,
    loaded_at: datetime,
) -> Protected:
    """Protect the rows of `_batch`: conformed ones of a kind, with `_content` (hash) and `_copies` (equal, itself too).

    Needs `_subject_map`, `_unproved`, `_erased_rows`, `_restrictions`, `_restricted_agents`, `_consents`, `_own`,
    `_agents`, `_name_hashes`, and what of_case.py prepares.
    loaded_at: naive UTC. Rows without a valid basis, or whose text still shows an identifier, are refused: temp table
    `_refused` (content_hash, copies, reason, subject_id as written).
    """
    record = KINDS[kind]
    event = (
        f"coalesce(c.{identifier(record.event_time)}::TIMESTAMP, TIMESTAMP '{loaded_at}')"
        if record.event_time
        else (f"TIMESTAMP '{loaded_at}'")
    )
    con.execute(basis_of_rows(settings, policy, record, event))
    con.execute(
        f"UPDATE _basis SET reason = 'erased' WHERE row_no IN (SELECT row_no FROM _erased_rows WHERE kind = '{kind}')"
    )
    if kind not in UNCONSENTED_KINDS:
        marks.strike(con)
    objected = con.execute("SELECT count(*) FROM _restricted_agents").fetchone() != (0,)
    if objected and kind == "agent":
        marks.strike_directory(con, _agent_key(record.field("agent_id"), settings))
    _redact(con, settings, record, policy.name_models)
    _generalise_places(con, record)
    telling = words.find(con, record, {f.name: _generalised(f) for f in record.fields})
    con.execute(_select_sql(settings, policy, record, event, load_id, loaded_at, objected, telling))
    con.execute("DROP TABLE _basis; DROP TABLE IF EXISTS _redacted")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _refused AS "
        "SELECT content_hash, _copies AS copies, _reason AS reason, _written AS subject_id FROM _judged "
        "WHERE _reason IS NOT NULL"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW protected_{kind} AS SELECT * EXCLUDE (_reason, _copies, _written) FROM _judged WHERE _reason IS NULL"
    )
    texts = [f.name for f in record.fields if f.privacy is Privacy.TEXT]
    total = "0" if not texts else "+".join(f"coalesce(sum({t}_redactions), 0)" for t in texts)
    row = con.execute(
        f"SELECT count(*), coalesce(sum(_copies), 0), {total} FROM _judged WHERE _reason IS NULL"
    ).fetchone()
    rows, copies, redactions = row or (0, 0, 0)
    rejected = con.execute("SELECT reason, sum(copies)::BIGINT FROM _refused GROUP BY 1 ORDER BY 1").fetchall()
    return Protected(kind, int(rows), int(copies - rows), dict(rejected), int(redactions))


def basis_of_rows(
    settings: Settings, policy: Policy, record: Record, event: str, law: str = jurisdiction_sql("m.country")
) -> str:
    """SQL that makes temp table `_basis`: per row the subject, jurisdiction, the purposes granted and on which basis.

    Needs `_batch` (alias c: _row_no, _who), `_subject_map` (m) and `_consents`. `event`, `law`: SQL of a row's time and
    jurisdiction. Rows that leave the mainland: consents of its people have to name that separately; so for the unknown.
    A consent under a notice that is not listed covers nothing.
    """
    kind = record.kind
    purposes = policy.purposes_of(settings)
    leaves = flows.needs_separate_consent(settings, policy)
    people = (
        "LEFT JOIN _subject_map m ON m.who = c._who"
        if record.has_person
        else (
            "LEFT JOIN (SELECT NULL::VARCHAR AS written_id, NULL::VARCHAR AS subject_id, NULL::VARCHAR AS country, "
            "false AS is_minor) m ON true"
        )
    )
    rows = (
        f"SELECT c._row_no AS row_no, m.written_id, m.subject_id, {law} AS jurisdiction, "
        f"coalesce(m.is_minor, false) AS is_minor, {event} AS event_at FROM _batch c {people}"
    )
    if not purposes:
        return _refused_all(rows, "no_purpose")
    if not record.has_person or kind in UNCONSENTED_KINDS:
        # Rows about no customer: the purposes for which the source has a ground whoever is concerned.
        grounds = {p: ground_without_customer(settings, p, record.names_staff) for p in purposes}
        if kind not in UNCONSENTED_KINDS:
            purposes = tuple(p for p in purposes if grounds[p])
        if not purposes:
            return _refused_all(rows, "no_basis")
        ground = "'legal_obligation'" if kind in UNCONSENTED_KINDS else f"'{grounds[purposes[0]]}'"
        listed = ", ".join(f"'{p}'" for p in purposes)
        return (
            f"CREATE OR REPLACE TEMP TABLE _basis AS SELECT row_no, written_id, jurisdiction, {ground} AS basis, "
            f"[{listed}]::VARCHAR[] AS purposes, NULL::VARCHAR AS consent_ref, NULL::VARCHAR AS reason FROM ({rows})"
        )
    by_purpose = ", ".join(f"{basis_sql(settings, p, 'r.jurisdiction')} AS ground_{i}" for i, p in enumerate(purposes))
    abroad = "AND (coalesce(g.jurisdiction, 'CN') <> 'CN' OR coalesce(k.may_leave, false))" if leaves else ""
    separately = f"s.purpose = '{CROSS_BORDER}' AND s.is_separate" if leaves else "false"
    valid = notice_sql((policy.notices, settings.notices), "r.jurisdiction", "s.purpose", "s.notice")
    sought = ", ".join(f"'{p}'" for p in (*purposes, *([CROSS_BORDER] if leaves else [])))
    granted = ", ".join(
        f"CASE WHEN g.ground_{i} IS NULL THEN NULL WHEN g.is_minor AND NOT coalesce(list_contains(k.guarded, '{p}'), false) THEN NULL "
        f"WHEN g.ground_{i} <> 'consent' OR (list_contains(k.purposes, '{p}') {abroad}) THEN '{p}' END"
        for i, p in enumerate(purposes)
    )
    without = " AND ".join(f"ground_{i} IS NULL" for i in range(len(purposes)))
    # The basis told is that of the last purpose granted (the list goes from service to analytics).
    basis = " ".join(
        f"WHEN list_contains(purposes, '{p}') THEN ground_{i}" for i, p in reversed(list(enumerate(purposes)))
    )
    return f"""
        CREATE OR REPLACE TEMP TABLE _basis AS
        WITH r AS ({rows}),
        s AS (
            SELECT r.row_no, r.is_minor, s.*, {valid} AS is_valid
            FROM r JOIN _consents s ON s.subject_id = r.subject_id AND r.event_at >= s.valid_from AND r.event_at < s.valid_to
        ),
        k AS (
            SELECT row_no, list_distinct(list(purpose) FILTER (is_valid)) AS purposes,
                   list(purpose) FILTER (is_guardian AND is_valid) AS guarded,
                   bool_or({separately} AND is_valid) AS may_leave, max(consent_ref) FILTER (is_valid) AS consent_ref,
                   bool_or(NOT is_valid AND purpose IN ({sought}) AND (is_guardian OR NOT is_minor)) AS other_notice
            FROM s GROUP BY 1
        ),
        g AS (SELECT r.*, {by_purpose} FROM r),
        p AS (
            SELECT g.*, k.consent_ref, k.other_notice, coalesce(k.guarded, [])::VARCHAR[] AS guarded,
                   list_filter([{granted}], x -> x IS NOT NULL)::VARCHAR[] AS purposes
            FROM g LEFT JOIN k USING (row_no)
        )
        SELECT row_no, written_id, jurisdiction, CASE {basis} END AS basis, purposes,
               CASE WHEN (CASE {basis} END) = 'consent' OR len(guarded) > 0 THEN consent_ref END AS consent_ref,
               CASE WHEN len(purposes) > 0 THEN NULL WHEN {without} THEN 'no_basis'
                    WHEN other_notice THEN '{OTHER_NOTICE}' WHEN is_minor AND len(guarded) = 0 THEN 'minor_without_guardian' ELSE 'no_consent' END AS reason
        FROM p
    """


def _refused_all(rows: str, reason: str) -> str:
    return (
        "CREATE OR REPLACE TEMP TABLE _basis AS SELECT row_no, written_id, jurisdiction, NULL::VARCHAR AS basis, "
        f"[]::VARCHAR[] AS purposes, NULL::VARCHAR AS consent_ref, '{reason}' AS reason FROM ({rows})"
    )


def _redact(con: duckdb.DuckDBPyConnection, settings: Settings, record: Record, name_models: tuple[str, ...]) -> None:
    """Temp table `_redacted`: texts without the persons and agents of the record and its case, then by the rules."""
    texts = [
        f"SELECT _row_no AS row_no, '{f.name}' AS field, {identifier(f.name)} AS text FROM _batch"
        for f in record.fields
        if f.privacy is Privacy.TEXT
    ]
    if not texts:
        return
    own = []
    if record.has_person:
        own.append(
            "SELECT c._row_no AS row_no, o.role, o.value FROM _batch c JOIN _subject_map m ON m.who = c._who "
            "JOIN _own o ON o.subject_id = m.subject_id"
        )
        own += [
            f"SELECT _row_no AS row_no, '{role}' AS role, {value} AS value FROM _batch"
            for role, value in of_case.CALLED
        ]
    if "agent_id" in {f.name for f in record.fields}:
        own.append(
            "SELECT c._row_no AS row_no, 'agent' AS role, unnest(a.names) AS value FROM _batch c "
            f"JOIN _agents a ON a.agent_key = {_agent_key(record.field('agent_id'), settings)}"
        )
    of_cases = of_case.own_values(con, record)  # mostly what the row says, too
    redaction.redact(
        con,
        " UNION ALL ".join(texts),
        (" UNION " if of_cases else " UNION ALL ").join([*own, *of_cases]) or None,
        "_redacted",
        "_name_hashes",
        name_models,
    )


def _agent_key(f: Field, settings: Settings) -> str:
    return f"hmac_pseudonym_agent({scoped('c.' + identifier(f.name), settings.name, 'agent.id')})"


def _generalised(f: Field) -> str:
    """SQL of what is kept of a field of `_batch` (alias c) that is neither key, identifier nor text."""
    column = f"c.{identifier(f.name)}"
    if f.generalise == "age_band":
        return (
            f"CASE WHEN {column} BETWEEN 0 AND 120 THEN CASE WHEN {column} >= 90 THEN '90+' ELSE "
            f"({column} // 10 * 10)::VARCHAR || '-' || ({column} // 10 * 10 + 9)::VARCHAR END END"
        )
    if f.generalise == "region":
        return f"c.{identifier(_kept(f))}"
    return column


def _generalise_places(con: duckdb.DuckDBPyConnection, record: Record) -> None:
    """Beside each place of `_batch` what is kept of it, worked out once for each: to build its patterns costs most."""
    for f in record.fields:
        if f.generalise == "region":
            told, kept = identifier(f.name), identifier(_kept(f))
            con.execute(f"ALTER TABLE _batch ADD COLUMN {kept} VARCHAR")
            con.execute(f"CREATE OR REPLACE TEMP TABLE _places AS SELECT DISTINCT {told} AS told FROM _batch")
            if con.execute("SELECT count(told) FROM _places").fetchone() != (0,):
                con.execute(
                    f"UPDATE _batch SET {kept} = p.kept FROM (SELECT told, {place.generalised_sql('told')} AS kept "
                    f"FROM _places) p WHERE {told} = p.told"
                )
            con.execute("DROP TABLE _places")


def _kept(f: Field) -> str:
    return f"_kept_{f.name}"


def _select_sql(
    settings: Settings,
    policy: Policy,
    record: Record,
    event: str,
    load_id: str,
    loaded_at: datetime,
    objected: bool,
    telling: dict[str, str],
) -> str:
    columns: list[str] = []
    residual = [f"WHEN {shows} THEN '{RESIDUAL}{name}'" for name, shows in telling.items()]
    for f in record.fields:
        name = f.protected_name
        column = f"c.{identifier(f.name)}"
        if name is None:
            continue
        if f.privacy is Privacy.RECORD_KEY:
            domain = str(f.domain)
            value = (
                f"list_transform({column}, x -> hmac_record_key({scoped('x', settings.name, domain)}))"
                if f.type == "strings"
                else f"hmac_record_key({scoped(column, settings.name, domain)})"
            )
        elif f.privacy is Privacy.IDENTIFIER:
            value = _agent_key(f, settings)
            if objected and record.kind != "agent":
                value = marks.unless_restricted(value)
        elif f.privacy is Privacy.TEXT:
            text = identifier("t_" + f.name)
            value = f"{text}.text"
            residual.append(f"WHEN {text}.residual THEN '{RESIDUAL}{f.name}'")
        else:
            value = _generalised(f)
        columns.append(f"{value} AS {identifier(name)}")
        if f.privacy is Privacy.TEXT:
            columns.append(f"coalesce({text}.n, 0)::BIGINT AS {identifier(f.name + '_redactions')}")
    texts = [f for f in record.fields if f.privacy is Privacy.TEXT]
    if texts:
        flags = " OR ".join(f"coalesce({identifier('t_' + f.name)}.is_sensitive, false)" for f in texts)
        columns.append(f"({flags}) AS is_sensitive_text")
    has_person = record.has_person
    retain = (
        f"{event} + INTERVAL {settings.retention_months} MONTH"
        if settings.retention_months is not None and record.ends_by_event
        else "NULL::TIMESTAMP"
    )
    lineage = {
        "subject_key": "hmac_pseudonym_person(b.written_id)",
        "subject_basis": "CASE WHEN b.written_id IS NOT NULL THEN 'person' ELSE 'record' END"
        if has_person
        else "'record'",
        "unproved_key": "u.unproved_key" if has_person else "NULL::VARCHAR",
        "jurisdiction": "coalesce(b.jurisdiction, 'unknown')",
        "basis": "b.basis",
        "purposes": "b.purposes",
        "consent_ref": "b.consent_ref",
        "policy_version": f"'{policy.version_for(settings)}'",
        "gate_version": f"'{GATE_VERSION}'",
        "retain_until": retain,
        "source": f"'{settings.name}'",
        "load_id": f"'{load_id}'",
        "loaded_at": f"TIMESTAMP '{loaded_at}'",
        "content_hash": "c._content",
    }
    columns += [f"{value} AS {name}" for name, value in lineage.items()]
    joins = " ".join(
        f"LEFT JOIN _redacted {identifier('t_' + f.name)} ON {identifier('t_' + f.name)}.row_no = c._row_no "
        f"AND {identifier('t_' + f.name)}.field = '{f.name}'"
        for f in texts
    )
    if has_person:
        joins += " LEFT JOIN _unproved u ON u.who = c._who"
    reason = f"coalesce(b.reason, CASE {' '.join(residual)} END)" if residual else "b.reason"
    return (
        f"CREATE OR REPLACE TEMP TABLE _judged AS SELECT {', '.join(columns)}, {reason} AS _reason, c._copies, b.written_id AS _written "
        f"FROM _batch c JOIN _basis b ON b.row_no = c._row_no {joins}"
    )
