"""Finding one person: by an identifier, a pseudonym or a record's own id; and what of the lake is theirs.

Staff by their id.

Keep out: what is done with it (access.py, erasure.py, restriction.py).
"""

from dataclasses import dataclass

import duckdb

from orchestration.engine import identifier, literal
from orchestration.errors import UsedWronglyError
from orchestration.privacy import countries, marks, normalise
from orchestration.privacy.marks import STAFF
from orchestration.privacy.pseudonyms import scoped
from orchestration.records import KINDS, Field, Privacy, Record

SCHEMAS = ("lake", "waiting")  # where rows of a person are, as quarantine.register puts them on a connection


@dataclass(frozen=True)
class Sought:
    """By what a person is sought; one of these.

    `account` is source:id, `record` source:kind:id, `agent` (staff) source:id.
    """

    email: str | None = None
    phone: str | None = None
    country: str | None = None
    account: str | None = None
    pseudonym: str | None = None
    record: str | None = None
    agent: str | None = None


def find(con: duckdb.DuckDBPyConnection, sought: Sought) -> list[str]:
    """Temp table `_person` (subject_id): every subject as written that is the person sought; returns the ids.

    `_sought`: those among them that are known by what was given.
    Of a member of staff it holds their key, after STAFF; that needs SCHEMAS on `con` too. Needs the vault and the keyed
    hashes. Empty when nobody is known by that. A name finds nobody: it proves nothing.
    Raises UsedWronglyError when it is not said by what, or the identifier is none.
    """
    given = [n for n in ("email", "phone", "account", "pseudonym", "record", "agent") if getattr(sought, n)]
    if len(given) != 1:
        raise UsedWronglyError("say by what: one of --email, --phone, --account, --pseudonym, --record, --agent")
    by = given[0]
    if by == "agent":
        return _find_staff(con, str(sought.agent))
    if by in ("email", "phone", "account"):
        value = _normal(con, sought)
        if value is None:
            raise UsedWronglyError(f"that is no {by} that could belong to a person")
        hit = f"SELECT subject_id FROM vault.identity WHERE is_proving AND index_hash = hmac_blind_index({literal(by)} || chr(31) || lower($value))"
    elif by == "pseudonym":
        value = str(sought.pseudonym)
        hit = "SELECT subject_id FROM vault.subject WHERE hmac_pseudonym_person(subject_id) = $value"
    else:
        source, kind, value = _parts(str(sought.record), 3, "source:kind:id")
        if kind not in KINDS:
            raise UsedWronglyError(f"there is no kind {kind}: one of {', '.join(KINDS)}")
        hashes = ", ".join(f"hmac_record_key({scoped('$value', source, str(f.domain))})" for f in KINDS[kind].own_keys)
        hit = f"SELECT subject_id FROM vault.record_key WHERE key_hash IN ({hashes})"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _sought AS SELECT subject_id FROM vault.subject WHERE subject_id IN ({hit})",
        {"value": value},
    )
    _set_whole(con)
    return [row[0] for row in con.execute("SELECT subject_id FROM _person ORDER BY 1").fetchall()]


def _find_staff(con: duckdb.DuckDBPyConnection, agent: str) -> list[str]:
    """`_person` of a member of staff, source:id, if the directory in the vault or a row tells of them."""
    source, value = _parts(agent, 2, "source:id")
    told = " UNION ALL ".join(
        f"SELECT {marks.bare('agent_key')} AS agent_key FROM {schema}.{identifier(k)}"
        for schema in SCHEMAS
        for k in staff_kinds()
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _person AS
        WITH asked AS (SELECT hmac_pseudonym_agent({scoped("$value", source, "agent.id")}) AS agent_key)
        SELECT '{STAFF}' || agent_key AS subject_id FROM asked
        WHERE agent_key IN (SELECT agent_key FROM vault.agent UNION ALL {told})
        """,
        {"value": value},
    )
    con.execute("CREATE OR REPLACE TEMP TABLE _sought AS FROM _person")
    return [row[0] for row in con.execute("SELECT subject_id FROM _person").fetchall()]


def staff_kinds() -> list[str]:
    """Kinds whose rows name a member of staff."""
    return [kind for kind, record in KINDS.items() if "agent_key" in record.protected_schema.names]


def set_person(con: duckdb.DuckDBPyConnection, subject_ids: tuple[str, ...]) -> None:
    """Temp table `_person` from ids known already."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _person AS SELECT unnest(?::VARCHAR[]) AS subject_id", [list(subject_ids)]
    )


def set_standing(con: duckdb.DuckDBPyConnection, subject_ids: tuple[str, ...]) -> int:
    """Temp table `_person` of everybody that ids known already stand for now; returns how many persons that is.

    Ids the vault knows no more stand for nobody.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _sought AS SELECT unnest(?::VARCHAR[]) AS subject_id", [list(subject_ids)]
    )
    _set_whole(con)
    row = con.execute(
        "SELECT count(DISTINCT coalesce(current_id, subject_id)) FROM vault.subject WHERE subject_id IN (FROM _sought)"
    ).fetchone()
    return int(row[0]) if row else 0


def _set_whole(con: duckdb.DuckDBPyConnection) -> None:
    """`_person`: every subject as written that is one with one of `_sought`."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _person AS SELECT subject_id FROM vault.subject WHERE coalesce(current_id, subject_id) "
        "IN (SELECT coalesce(current_id, subject_id) FROM vault.subject WHERE subject_id IN (FROM _sought))"
    )


def reach(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By kind the SQL condition (on row `r`) that tells the rows of `_person`; needs SCHEMAS on `con`.

    Rows under one of the person's pseudonyms, and rows without a person of their own that belong to one of the person's
    records: the events of a case, say. Of a member of staff: rows that name them, and answers about cases of theirs.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _person_keys AS SELECT hmac_pseudonym_person(subject_id) AS subject_key FROM _person "
        f"WHERE NOT starts_with(subject_id, '{STAFF}'); CREATE OR REPLACE TEMP TABLE _staff_keys AS "
        f"SELECT substr(subject_id, {len(STAFF) + 1}) AS agent_key FROM _person WHERE starts_with(subject_id, '{STAFF}')"
    )
    if is_staff(con):
        theirs = f"{marks.bare('r.agent_key')} IN (FROM _staff_keys)"
        cases = " UNION ALL ".join(f'SELECT r.case_key FROM {schema}."case" r WHERE {theirs}' for schema in SCHEMAS)
        return dict.fromkeys(staff_kinds(), theirs) | {"survey_answer": f"r.case_key IN ({cases})"}
    owned = [
        f"SELECT '{f.domain}' AS domain, {identifier(str(f.protected_name))} AS key FROM {schema}.{identifier(kind)} "
        "WHERE subject_key IN (FROM _person_keys)"
        for schema in SCHEMAS
        for kind, record in KINDS.items()
        if record.has_person and kind not in ("consent", "deletion")
        for f in _own_keys(record)
    ]
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _person_records AS SELECT DISTINCT * FROM ({' UNION ALL '.join(owned)}) WHERE key IS NOT NULL"
    )
    conditions = {}
    for kind, record in KINDS.items():
        if not record.has_person:
            continue
        belongs = [
            f"r.{identifier(str(f.protected_name))} IN (SELECT key FROM _person_records WHERE domain = '{f.domain}')"
            for f in record.fields
            if f.privacy is Privacy.RECORD_KEY and f.type == "string"
        ]
        mine = "r.subject_key IN (FROM _person_keys)"
        conditions[kind] = f"{mine} OR (r.subject_key IS NULL AND ({' OR '.join(belongs)}))" if belongs else mine
    return conditions


def record_hashes(conditions: dict[str, str]) -> str:
    """SQL: keyed hashes of what names the records themselves that `reach` tells to be the person's."""
    return " UNION ".join(
        f"SELECT {identifier(str(f.protected_name))} FROM {schema}.{identifier(kind)} AS r WHERE {condition}"
        for schema in SCHEMAS
        for kind, condition in conditions.items()
        if kind not in ("consent", "deletion")
        for f in KINDS[kind].own_keys
    )


def is_staff(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether `_person` is a member of staff."""
    row = con.execute(f"SELECT count(*) FROM _person WHERE starts_with(subject_id, '{STAFF}')").fetchone()
    return bool(row and row[0])


def count_identities(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many identifiers of `_person` the vault holds, by type; after `reach`."""
    rows = con.execute(
        "SELECT domain, count(DISTINCT index_hash) FROM vault.identity WHERE subject_id IN (FROM _person) GROUP BY 1 UNION ALL "
        "SELECT unnest(['id', 'name', 'email']), unnest([1, len(names), len(emails)]) FROM vault.agent "
        "WHERE agent_key IN (FROM _staff_keys) ORDER BY 1"
    ).fetchall()
    return {domain: n for domain, n in rows if n}


def count_rows(con: duckdb.DuckDBPyConnection, conditions: dict[str, str], schema: str = "lake") -> dict[str, int]:
    """Rows that meet each kind's condition, of the lake or those that wait; kinds without any are left out."""
    found = {}
    for kind, condition in conditions.items():
        row = con.execute(f"SELECT count(*) FROM {schema}.{identifier(kind)} AS r WHERE {condition}").fetchone()
        if row and row[0]:
            found[kind] = int(row[0])
    return found


def _own_keys(record: Record) -> list[Field]:
    return [f for k in record.key if (f := record.field(k)).privacy is Privacy.RECORD_KEY]


def index_hash(con: duckdb.DuckDBPyConnection, sought: Sought) -> str:
    """The blind index of an e-mail address or number. Raises UsedWronglyError when it is none."""
    value = _normal(con, sought)
    if value is None:
        raise UsedWronglyError("that is no identifier that could belong to a person")
    domain = "email" if sought.email else "phone"
    row = con.execute(f"SELECT hmac_blind_index('{domain}' || chr(31) || lower($value))", {"value": value}).fetchone()
    return str(row[0]) if row else ""


def _normal(con: duckdb.DuckDBPyConnection, sought: Sought) -> str | None:
    """The identifier in its normal form, as the vault's index has it."""
    if sought.email:
        sql, value = normalise.normal_email("$value"), sought.email
    elif sought.phone:
        code = countries.code_of(sought.country) if sought.country else None
        country = literal(code) if code else "NULL"
        sql, value = normalise.normal_phone("$value", country), sought.phone
    else:
        source, value = _parts(str(sought.account), 2, "source:id")
        sql = f"{literal(source)} || chr(31) || 'person.account' || chr(31) || {normalise.normal_account('$value')}"
    row = con.execute(f"SELECT {sql}", {"value": value}).fetchone()
    return row[0] if row else None


def _parts(given: str, n: int, form: str) -> tuple[str, ...]:
    found = tuple(given.split(":", n - 1))
    if len(found) != n or not all(found):
        raise UsedWronglyError(f"it is written {form}")
    return found
