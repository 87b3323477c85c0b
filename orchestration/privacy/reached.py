"""In which stores the rows lie that an incident concerns: rows and persons by store and law; counts and names only.

Keep out: what else an incident touches (affected.py) and the register (incidents.py).

Concerned are the rows of the lake that came in a time, from some sources, of some kinds, with some loads; quarantined
rows alike; and whom they are about. Of published files nothing is told: they hold no row of a person. A PostgreSQL with
restricted tables shows what the restricted file held when it was filled from it; where it has yet to hear of the
newest, what it shows is not known here, and counts as all that the lake holds of them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home
from orchestration.lake import quarantine
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing import pages
from orchestration.privacy import affected, pseudonyms
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import jurisdiction_sql
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from orchestration.serving import postgres

STORES = ("landing", "quarantine", "vault", "lake", "warehouse", "served", "postgres", "exports", "backups")
SUBJECTS = ("subject_key", "written_subject_key")  # columns of the warehouse that hold a person's pseudonym


@dataclass(frozen=True)
class Concerned:
    """Which rows: loaded within [since, until) (UTC; None: open), of these sources, kinds, loads (empty: all)."""

    since: datetime | None = None
    until: datetime | None = None
    sources: Collection[str] = ()
    kinds: Collection[str] = ()
    loads: Collection[str] = ()

    def holds(self, at: datetime) -> bool:
        """Whether a moment (UTC) lies in the time."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def has_come(self, source: str, load_id: str, at: datetime) -> bool:
        """Whether a load is one of them."""
        of = (not self.sources or source in self.sources) and (not self.loads or load_id in self.loads)
        return of and self.holds(at)


def count(home: Home, keyring: Keyring, about: Concerned, stores: Collection[str] = ()) -> dict[str, Any]:
    """`stores`: of each store (of those named; all unless told) its rows and persons, and persons by law.

    `persons`, `persons_by_law` and `minors` (as far as the vault knows) count each person once over these stores.
    Exports are told by their receipts, which know no law, and backups by the audit log: each holds what the lake held
    when it was made.
    """
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        lake = Lake(home, keyring.base64(LAKE_KEY))
        lake.register(con)
        _find(con, home, lake, about)
        if (home.folder("vault") / "vault.duckdb").exists():
            with open_vault(con, home, keyring, read_only=True):
                _know(con)
        else:
            con.execute(
                "CREATE TEMP TABLE _subjects_of (subject_key VARCHAR, person VARCHAR, law VARCHAR, first_load VARCHAR, "
                "is_minor BOOLEAN, n BIGINT)"
            )
        _put_together(con)
        _count_landing(con, home, lake, about)
        _count(con, "quarantine", "SELECT subject_key, jurisdiction, count(*) FROM _held GROUP BY ALL")
        _count(con, "vault", f"SELECT subject_key, NULL, n FROM _subjects_of WHERE n > 0 AND {CONCERNED}")
        _count(con, "lake", "SELECT subject_key, jurisdiction, count(*) FROM _touched GROUP BY ALL")
        _count_database(con, "warehouse", home.warehouse, keyring.hex("warehouse"))
        _count_database(con, "served", home.serving / "team.duckdb", keyring.hex("team"))
        _count_postgres(con, home)
        lines = [x for x in AuditLog(home, keyring).lines() if x["number"] > 0]
        exports = _exports(con, lines, about)
        _count_backups(con, lines)
        named = [s for s in STORES if not stores or s in stores]
        rows = {s: _rows(con, s) for s in named}
        rows |= {"exports": exports} if "exports" in named else {}
        return {"stores": [{"store": s, **rows[s]} for s in named], **_persons(con, named)}
    finally:
        con.close()


CONCERNED = "person IN (SELECT person FROM _concerned)"


def _find(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake, about: Concerned) -> None:
    """Temp tables `_touched`, rows of the lake, and `_held`, rows in quarantine."""
    told = affected.told(about.since, about.until, about.sources, about.loads)
    of = [kind for kind in KINDS if not about.kinds or kind in about.kinds]
    columns = "subject_key, jurisdiction, source, load_id, loaded_at"
    rows = " UNION ALL ".join(f"SELECT {columns} FROM lake.{identifier(k)} WHERE {told}" for k in of)
    con.execute(f"CREATE TEMP TABLE _touched AS {rows}")
    con.execute("CREATE TEMP TABLE _held AS SELECT * FROM _touched WHERE false")
    for note in quarantine.batches(home):
        path = home.root / "quarantine" / f"{note['batch']}.parquet"
        came = datetime.fromisoformat(note["loaded_at"]).replace(tzinfo=UTC)
        kind = note["part"]["kind"]
        if path.exists() and kind in of and about.has_come(note["source"], note["load_id"], came):
            con.execute(f"INSERT INTO _held SELECT {columns} FROM ({lake.read_sql(kind, [path])})")


def _know(con: duckdb.DuckDBPyConnection) -> None:
    """Temp table `_subjects_of`: a line per subject: pseudonym, person, law, first load, minority, identities."""
    con.execute(
        f"""
        CREATE TEMP TABLE _subjects_of AS
        SELECT hmac_pseudonym_person(s.subject_id) AS subject_key, coalesce(s.current_id, s.subject_id) AS person,
            {jurisdiction_sql("s.country")} AS law, s.first_load, s.is_minor, coalesce(i.n, 0) AS n
        FROM vault.subject s LEFT JOIN (SELECT subject_id, count(*) AS n FROM vault.identity GROUP BY 1) i USING (subject_id)
        """
    )


def _put_together(con: duckdb.DuckDBPyConnection) -> None:
    """Temp tables `_concerned` (person, law), `_keys`, all their pseudonyms, and `_counted`, empty."""
    con.execute(
        """
        CREATE TEMP TABLE _concerned AS
        SELECT coalesce(s.person, t.subject_key) AS person,
            coalesce(max(nullif(t.jurisdiction, 'unknown')), max(s.law), 'unknown') AS law
        FROM (FROM _touched UNION ALL FROM _held) t LEFT JOIN _subjects_of s USING (subject_key)
        WHERE t.subject_key IS NOT NULL GROUP BY 1
        """
    )
    con.execute(
        f"CREATE TEMP TABLE _keys AS SELECT subject_key FROM _subjects_of WHERE {CONCERNED} "
        "UNION SELECT subject_key FROM _touched WHERE subject_key IS NOT NULL "
        "UNION SELECT subject_key FROM _held WHERE subject_key IS NOT NULL"
    )
    con.execute("CREATE TEMP TABLE _counted (store VARCHAR, person VARCHAR, law VARCHAR, n BIGINT)")


def _count(con: duckdb.DuckDBPyConnection, store: str, rows: str) -> None:
    """Count rows (pseudonym, jurisdiction, how many) of a store under their persons."""
    con.execute(
        f"""
        INSERT INTO _counted
        SELECT {literal(store)}, coalesce(s.person, r.subject_key), coalesce(c.law, s.law, 'unknown'), r.n
        FROM (SELECT NULL::VARCHAR AS subject_key, NULL AS jurisdiction, 0 AS n WHERE false UNION ALL {rows}) r
        LEFT JOIN _subjects_of s USING (subject_key) LEFT JOIN _concerned c ON c.person = coalesce(s.person, r.subject_key)
        """
    )


def _count_landing(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake, about: Concerned) -> None:
    """Sealed loads: records by the ledger, persons by their rows in the lake and by whom they were first to tell of."""
    loads = [
        load.load_id
        for name in pages.sources(home)
        for load in pages.loads(home, name)
        if about.has_come(name, load.load_id, load.started_at.replace(tzinfo=UTC))
    ]
    if not loads:
        return
    of = f"IN ({', '.join(map(literal, loads))})"
    rows = " UNION ALL ".join(
        f"SELECT DISTINCT subject_key, NULL, 0 FROM lake.{identifier(k)} WHERE load_id {of} AND subject_key IS NOT NULL"
        for k, r in KINDS.items()
        if r.has_person
    )
    read = sum(line["n"] for line in lake.ledger_rows() if line["load_id"] in set(loads) and line["measure"] == "read")
    first = f"SELECT subject_key, NULL, 0 FROM _subjects_of WHERE first_load {of}"
    _count(con, "landing", f"{rows} UNION ALL {first} UNION ALL SELECT NULL, NULL, {read}")


def _count_database(con: duckdb.DuckDBPyConnection, store: str, path: Path, key: str) -> None:
    """Rows under the pseudonyms of those concerned in every table of an encrypted DuckDB file.

    Of the loads, where it says.
    """
    if not path.exists():
        return
    con.execute(f"ATTACH {literal(str(path))} AS searched (READ_ONLY, ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')")
    try:
        tables = con.execute(
            "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns() JOIN duckdb_tables() "
            "USING (database_name, schema_name, table_name) WHERE database_name = 'searched' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for schema, table, columns in tables:
            of = " AND load_id IN (SELECT load_id FROM _touched)" if "load_id" in columns else ""
            column = next((c for c in SUBJECTS if c in columns), None)
            if column:
                _count(
                    con,
                    store,
                    f"SELECT {column}, NULL, count(*) FROM searched.{identifier(schema)}.{identifier(table)} "
                    f"WHERE {column} IN (FROM _keys){of} GROUP BY 1",
                )
    finally:
        con.execute("DETACH searched")


def _count_postgres(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Rows that went to PostgreSQL, where handlers read restricted ones there."""
    if not (home.house.postgres.get("schema") and home.house.postgres.get("handlers")):
        return
    if postgres.is_due(home):
        _count(con, "postgres", "SELECT subject_key, jurisdiction, count(*) FROM _touched GROUP BY ALL")
    else:
        con.execute("INSERT INTO _counted SELECT 'postgres', person, law, n FROM _counted WHERE store = 'served'")


def _exports(con: duckdb.DuckDBPyConnection, lines: list[dict[str, Any]], about: Concerned) -> dict[str, Any]:
    """What was exported in the time, from when the first row concerned had come: persons at most, of no known law."""
    first = _first(con)
    given = [
        line["facts"]
        for line in lines
        if line["action"] == "export"
        and first
        and about.holds(at := datetime.fromisoformat(line["at"]))
        and at >= first
    ]
    return {
        "rows": sum(f["rows"] for f in given),
        "persons": sum(f.get("persons", f["rows"]) for f in given),
        "persons_by_law": {},
        "copies": len(given),
    }


def _count_backups(con: duckdb.DuckDBPyConnection, lines: list[dict[str, Any]]) -> None:
    """The newest backup made since the first row concerned had come, by what the lake held of them by then."""
    first = _first(con)
    made = [datetime.fromisoformat(x["at"]) for x in lines if x["action"] == "backup"]
    if first and (held := [at for at in made if at >= first]):
        by = f"TIMESTAMP {literal(f'{max(held).astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}')}"
        _count(con, "backups", f"SELECT subject_key, NULL, count(*) FROM _touched WHERE loaded_at <= {by} GROUP BY 1")


def _first(con: duckdb.DuckDBPyConnection) -> datetime | None:
    row = con.execute("SELECT min(loaded_at) FROM (FROM _touched UNION ALL FROM _held)").fetchone()
    return row[0].replace(tzinfo=UTC) if row and row[0] else None


def _rows(con: duckdb.DuckDBPyConnection, store: str) -> dict[str, Any]:
    row = con.execute(
        "SELECT coalesce(sum(n), 0)::BIGINT, count(DISTINCT person) FROM _counted WHERE store = ?", [store]
    ).fetchone() or (0, 0)
    return {"rows": row[0], "persons": row[1], "persons_by_law": _by_law(con, [store])}


def _persons(con: duckdb.DuckDBPyConnection, stores: Collection[str]) -> dict[str, Any]:
    by_law = _by_law(con, stores)
    minors = con.execute(
        "SELECT count(DISTINCT person) FROM _counted WHERE list_contains(?, store) "
        "AND person IN (SELECT person FROM _subjects_of WHERE is_minor)",
        [list(stores)],
    ).fetchone() or (0,)
    return {"persons": sum(by_law.values()), "persons_by_law": by_law, "minors": minors[0]}


def _by_law(con: duckdb.DuckDBPyConnection, stores: Collection[str]) -> dict[str, int]:
    """Persons by law, each once."""
    return dict(
        con.execute(
            "SELECT law, count(*) FROM (SELECT person, max(law) AS law FROM _counted WHERE list_contains(?, store) "
            "AND person IS NOT NULL GROUP BY 1) GROUP BY 1 ORDER BY 1",
            [list(stores)],
        ).fetchall()
    )
