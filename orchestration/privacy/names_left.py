"""Names that stand in texts behind the gate though the vault knew them when the text came.

Keep out: how names are looked for (known_names.py), and what patterns and numbers tell (residue.py).

The gate masks names that the vault knows; one that the vault learns later it could not. So a name counts against the
house in texts that came with it or after it, told by the vault's generations: every commit says with which it was made.
Rows that come again for more purposes (widening.py) bring a text of before, so their loads date none. Names of staff
count in rows that name them, where the gate masks them, and are dated as a whole: by the load that brought the newest
of them, or the lake's one row of them where the vault does not say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from orchestration.engine import identifier
from orchestration.home import Home
from orchestration.lake.store import read_commits
from orchestration.privacy import known_names, marks
from orchestration.privacy.normalise import normal_name
from orchestration.records import KINDS


@dataclass(frozen=True)
class Named:
    """Names looked for, of persons and of staff, and those of a form that is not; texts that hold one known.

    Known when they came, and learnt since only.
    """

    persons: int
    staff: int
    unsought: int
    known: int
    later: int


def find(con: duckdb.DuckDBPyConnection, home: Home, texts: str, columns: Mapping[str, Sequence[str]]) -> Named:
    """Names that stand in texts.

    `texts`: a table with a column `t`, each text once; `columns`: by kind the columns of the lake they may be from. A
    text that stands in no row of the lake holds no other names than the lake's do. Needs lake, vault and the keyed
    hashes on
    `con`.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _names_known AS "
        "SELECT DISTINCT index_hash, first_load, coalesce(is_sought, false) AS is_sought FROM ("
        "SELECT NULL::BOOLEAN AS is_sought WHERE false UNION ALL BY NAME FROM vault.identity) WHERE domain = 'name'"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _staff_names AS SELECT agent_key, {known_names.name_hash(normal_name('name'))} AS index_hash, "
        f"{known_names.is_sought(normal_name('name'))} AS is_sought FROM (SELECT agent_key, unnest(names) AS name FROM vault.agent)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _names_sought AS "
        "SELECT index_hash FROM _names_known UNION SELECT index_hash FROM _staff_names"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _numbered AS SELECT row_number() OVER () AS row_no, '' AS field, t FROM {texts}"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _named_any AS
        SELECT DISTINCT t, {known_names.name_hash("name")} AS index_hash FROM (
            SELECT row_no, unnest(names) AS name FROM ({known_names.find("_numbered", "_names_sought")})
        ) JOIN _numbered USING (row_no)
        """
    )
    persons = _number(con, "SELECT count(DISTINCT index_hash) FROM _names_known WHERE is_sought")
    staff = _number(con, "SELECT count(DISTINCT index_hash) FROM _staff_names WHERE is_sought")
    every = "SELECT index_hash, is_sought FROM _names_known UNION ALL SELECT index_hash, is_sought FROM _staff_names"
    unsought = _number(
        con, f"SELECT count(*) FROM (SELECT 1 FROM ({every}) GROUP BY index_hash HAVING NOT bool_or(is_sought))"
    )
    known = later = 0
    if _number(con, "SELECT count(*) FROM _named_any"):
        _date(con, home)
        con.execute(
            "CREATE OR REPLACE TEMP TABLE _named_texts AS FROM _named_any "
            "WHERE index_hash IN (SELECT index_hash FROM _names_known)"
        )
        places = " UNION ALL ".join(
            f"SELECT unnest([{', '.join(map(identifier, listed))}]) AS t, load_id FROM lake.{identifier(kind)}"
            for kind, listed in columns.items()
            if listed
        )
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE _places AS SELECT DISTINCT t, load_id FROM ({places}) "
            "WHERE t IN (SELECT t FROM _named_texts)"
        )
        row = con.execute(
            """
            WITH judged AS (
                SELECT n.t, bool_or(k.first_load = p.load_id OR coalesce(born.last <= came.first, false)) AS is_known
                FROM _named_texts n JOIN _places p USING (t) JOIN _names_known k USING (index_hash)
                LEFT JOIN _dated born ON born.load_id = k.first_load LEFT JOIN _dated came ON came.load_id = p.load_id
                GROUP BY 1
            ), made AS (
                SELECT t, bool_or(index_hash NOT IN (SELECT index_hash FROM _named_texts WHERE t IN (SELECT t FROM _places))) AS is_known
                FROM _named_texts WHERE t NOT IN (SELECT t FROM _places) GROUP BY 1
            )
            SELECT count(*) FILTER (is_known), count(*) FILTER (NOT is_known) FROM (FROM judged UNION ALL FROM made)
            """
        ).fetchone()
        of_staff = _of_staff(con, columns)
        known, later = (int(n) + m for n, m in zip(row or (0, 0), of_staff, strict=True))
        con.execute("DROP TABLE _places; DROP TABLE _named_texts; DROP TABLE _dated")
    for table in ("_named_any", "_numbered", "_names_sought", "_staff_names", "_names_known"):
        con.execute(f"DROP TABLE {table}")
    return Named(persons, staff, unsought, known, later)


def _of_staff(con: duckdb.DuckDBPyConnection, columns: Mapping[str, Sequence[str]]) -> tuple[int, int]:
    """Texts of rows that name a member of staff by key and by name: known when they came, and not."""
    bare = marks.bare("agent_key")
    rows = " UNION ALL ".join(
        f"SELECT unnest([{', '.join(map(identifier, listed))}]) AS t, {bare} AS agent_key, load_id FROM lake.{identifier(kind)}"
        for kind, listed in columns.items()
        if listed and "agent_key" in KINDS[kind].protected_schema.names
    )
    row = con.execute(
        f"""
        WITH place AS (SELECT DISTINCT * FROM ({rows}) WHERE t IN (SELECT t FROM _named_any)),
        told AS (
            SELECT agent_key, coalesce(v.first_load, d.load_id) AS load_id FROM (
                SELECT NULL::VARCHAR AS first_load WHERE false UNION ALL BY NAME FROM vault.agent
            ) v LEFT JOIN ({dated_by_row("SELECT * FROM lake.agent")}) d USING (agent_key)
        ),
        judged AS (
            SELECT p.t, bool_or(coalesce(a.load_id = p.load_id OR born.last <= came.first, false)) AS is_known
            FROM _named_any n JOIN _staff_names s USING (index_hash)
            JOIN place p ON p.t = n.t AND p.agent_key = s.agent_key
            LEFT JOIN told a ON a.agent_key = s.agent_key
            LEFT JOIN _dated born ON born.load_id = a.load_id LEFT JOIN _dated came ON came.load_id = p.load_id
            GROUP BY 1
        )
        SELECT count(*) FILTER (is_known), count(*) FILTER (NOT is_known) FROM judged
        """
    ).fetchone()
    return row or (0, 0)


def dated_by_row(agents: str) -> str:
    """SQL: (agent_key, load_id) of staff of whom select `agents` has one row.

    Of several none says which brought the name.
    """
    bare = marks.bare("agent_key")
    return f"SELECT {bare} AS agent_key, min(load_id) AS load_id FROM ({agents}) GROUP BY 1 HAVING count(*) = 1"


def _date(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Temp table `_dated` (load_id, first, last).

    The generations of the vault that a load's texts went through the gate with.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE _dated (load_id VARCHAR, first BIGINT, last BIGINT)")
    found: dict[str, list[int]] = {}
    for commit in read_commits(home, "_commits"):
        is_copy = any(line["measure"] == "widened" for line in commit["ledger"])
        if commit.get("vault_generation") and not is_copy:
            found.setdefault(commit["load_id"], []).append(commit["vault_generation"])
    if found:
        con.executemany("INSERT INTO _dated VALUES (?, ?, ?)", [[k, min(v), max(v)] for k, v in found.items()])


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
