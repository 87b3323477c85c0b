"""What a row's person, and the customer and the agent of the case it names, are called: a row may name the case alone.

Keep out: the order of steps (protect.py) and masking (linked.py).
"""

from collections.abc import Iterable

import duckdb

from orchestration.engine import identifier
from orchestration.privacy import marks
from orchestration.privacy.linked import OWN_ROLES
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.scratch import Scratch
from orchestration.records import KINDS, Field, Privacy, Record

_ACCOUNT = r"regexp_extract(person_account_id, '[^\x1e\x1f]*$')"  # without the scope that a reference brings
# SQL: (role, value) of what a conformed row calls its person. An account only if no word and no number looks like it.
CALLED = (
    *((role, f"person_{role}") for role in OWN_ROLES),
    (
        "handle",
        f"CASE WHEN regexp_matches({_ACCOUNT}, '[0-9_]') AND regexp_matches({_ACCOUNT}, '\\p{{L}}') "
        f"AND length({_ACCOUNT}) >= 5 THEN {_ACCOUNT} END",
    ),
)


def reference(record: Record) -> Field | None:
    """The field by which rows with texts name the case they belong to; None for a kind without, and for cases."""
    has_text = any(f.privacy is Privacy.TEXT for f in record.fields)
    named = (f for f in record.fields if f.domain == "case")
    return next(named, None) if has_text and record.kind != "case" else None


def prepare(
    con: duckdb.DuckDBPyConnection, rows: Scratch, source: str, kinds: Iterable[str], cases: str | None
) -> None:
    """Temp tables of the cases that texts of this load belong to, each by its id as written.

    `_case_persons` (case_id, subject_id), `_case_agents` (case_id, agent_key), and `_case_told` (case_id, role, value),
    what this load's rows of the cases say. `cases`: a select of the cases known before. Needs `_subject_map`, the
    vault, and the load's rows as conformed and `fresh_<kind>`.
    """
    kinds = list(kinds)
    named = [
        f"SELECT {identifier(f.name)} AS case_id FROM conformed_{kind} JOIN fresh_{kind} ON row_no = _row_no WHERE coalesce({', '.join(texts)}) IS NOT NULL"
        for kind in kinds
        if (f := reference(KINDS[kind]))
        and (texts := [identifier(t.name) for t in KINDS[kind].fields if t.privacy is Privacy.TEXT])
    ]
    every = " UNION ALL ".join(named) or "SELECT NULL::VARCHAR AS case_id"
    rows.put(
        "_cases_named",
        f"SELECT case_id, hmac_record_key({scoped('case_id', source, 'case')}) AS case_key "
        f"FROM (SELECT DISTINCT case_id FROM ({every}) WHERE case_id IS NOT NULL)",
    )
    some = rows.rows("_cases_named") > 0
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _case_persons AS SELECT DISTINCT n.case_id, s.current_id AS subject_id "
        "FROM vault.record_key k JOIN _cases_named n ON k.key_hash = n.case_key "
        "JOIN vault.subject s ON s.subject_id = k.subject_id WHERE k.domain = 'case' AND s.current_id IS NOT NULL"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE _case_agents (case_id VARCHAR, agent_key VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE _case_told (case_id VARCHAR, role VARCHAR, value VARCHAR)")
    if some and cases:
        con.execute(
            f"INSERT INTO _case_agents SELECT DISTINCT case_id, {marks.bare('agent_key')} FROM ({cases}) "
            "JOIN _cases_named USING (case_key) WHERE agent_key IS NOT NULL"
        )
    if some and "case" in kinds:
        con.execute(
            f"INSERT INTO _case_agents SELECT DISTINCT case_id, hmac_pseudonym_agent({scoped('agent_id', source, 'agent.id')}) "
            "FROM conformed_case JOIN _cases_named USING (case_id) WHERE agent_id IS NOT NULL"
        )
        told = ", ".join(f"{{'role': '{role}', 'value': {value}}}" for role, value in CALLED)
        con.execute(
            "INSERT INTO _case_told SELECT DISTINCT case_id, told.role, told.value FROM ("
            f"SELECT case_id, unnest([{told}]) AS told FROM conformed_case JOIN _cases_named USING (case_id)) "
            "WHERE told.value IS NOT NULL"
        )


def own_values(con: duckdb.DuckDBPyConnection, record: Record) -> list[str]:
    """Queries (row_no, role, value) of what the persons of the cases of `_batch` are called; none where none is known.

    Needs what `prepare` made, `_own` and `_agents`.
    """
    named = reference(record)
    if named is None:
        return []
    row, case = "SELECT c._row_no AS row_no,", f"ON k.case_id = c.{identifier(named.name)}"
    queries = {
        "_case_persons": f"{row} o.role, o.value FROM _batch c JOIN _case_persons k {case} JOIN _own o USING (subject_id)",
        "_case_agents": f"{row} 'agent' AS role, unnest(a.names) AS value FROM _batch c JOIN _case_agents k {case} "
        "JOIN _agents a USING (agent_key)",
        "_case_told": f"{row} k.role, k.value FROM _batch c JOIN _case_told k {case}",
    }
    return [q for table, q in queries.items() if con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()]
