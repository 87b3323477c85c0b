"""Marks: a purpose that a person had struck out stays in its row behind a mark, and is none for whoever reads it.

So does one that its source, or the house, names no more, until its term ends, and the key of a member of staff who
objected, in rows about others.
Keep out: striking out rows that are in the lake already (restriction.py, withdrawal.py).
"""

import duckdb

MARK = "restricted:"
UNNAMED = "unnamed:"  # stands behind MARK where a purpose has both
EVERY = "*"
STAFF = "agent:"  # before the key of a member of staff where the vault's ids of persons stand


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Temp tables of what the gate strikes out of new rows, by persons and by staff; needs the vault.

    `_restrictions` (written_id, struck), `_restricted_agents` (agent_key, struck).
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _restrictions AS WITH struck AS ("
        "SELECT coalesce(s.current_id, s.subject_id) AS person, list_distinct(list(r.purpose)) AS struck "
        "FROM vault.restriction r JOIN vault.subject s USING (subject_id) GROUP BY 1) "
        "SELECT s.subject_id AS written_id, t.struck FROM vault.subject s JOIN struck t "
        "ON t.person = coalesce(s.current_id, s.subject_id); "
        f"CREATE OR REPLACE TEMP TABLE _restricted_agents AS SELECT substr(subject_id, {len(STAFF) + 1}) AS agent_key, "
        f"list_distinct(list(purpose)) AS struck FROM vault.restriction WHERE starts_with(subject_id, '{STAFF}') GROUP BY 1"
    )


def strike(
    con: duckdb.DuckDBPyConnection, struck: str = "_restrictions r WHERE r.written_id = _basis.written_id"
) -> None:
    """Mark the purposes in temp table `_basis` (row_no, written_id, purposes) that the rows' persons had struck out.

    `struck`: SQL of relation `r` and how its `struck` joins; default those of `prepare`.
    """
    con.execute(
        f"UPDATE _basis SET purposes = list_transform(purposes, lambda p: CASE WHEN list_contains(r.struck, p) "
        f"OR list_contains(r.struck, '{EVERY}') THEN '{MARK}' || p ELSE p END) FROM {struck}"
    )


def strike_directory(con: duckdb.DuckDBPyConnection, agent_key: str) -> None:
    """The same for rows of the directory; `agent_key`: SQL of the key of row `c` of `_batch`."""
    strike(
        con,
        f"(SELECT c._row_no AS row_no, a.struck FROM _batch c JOIN _restricted_agents a ON a.agent_key = {agent_key}) r "
        "WHERE r.row_no = _basis.row_no",
    )


def unless_restricted(agent_key: str) -> str:
    """SQL: the key of a member of staff, behind a mark if they objected to what is made of it."""
    return f"CASE WHEN {agent_key} IN (SELECT agent_key FROM _restricted_agents) THEN '{MARK}' || {agent_key} ELSE {agent_key} END"


def bare(agent_key: str) -> str:
    """SQL: the key of a member of staff without a mark."""
    return f"replace({agent_key}, '{MARK}', '')"


def unmarked(purposes: str) -> str:
    """SQL: the purposes of a row without marks."""
    return f"list_transform({purposes}, lambda p: {bare_purpose('p')})"


def bare_purpose(purpose: str) -> str:
    """SQL: one purpose of a row without marks."""
    return f"replace(replace({purpose}, '{MARK}', ''), '{UNNAMED}', '')"


def is_unnamed(purpose: str) -> str:
    """SQL: whether one purpose of a row, marked or not, waits to be named again."""
    return f"contains({purpose}, '{UNNAMED}')"


def is_marked(purpose: str) -> str:
    """SQL: whether one purpose of a row was struck out, whoever did."""
    return f"(contains({purpose}, '{MARK}') OR {is_unnamed(purpose)})"
