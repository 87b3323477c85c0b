"""Copying what is served to PostgreSQL, for many readers at once.

Keep out: the warehouse and the restricted file; only the published file is read here.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from orchestration.engine import identifier, literal
from orchestration.errors import VoicehouseError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True)
class PostgresTarget:
    """Where to: a libpq connection string (from the secrets, never logged), a schema, and the roles that may read it."""

    connection: str = field(repr=False)
    schema: str = "voicehouse"
    readers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bad := [n for n in (self.schema, *self.readers) if not _NAME.fullmatch(n)]:
            raise VoicehouseError(f"not a plain PostgreSQL name: {', '.join(bad)}")


def export_to_postgres(served: Path, target: PostgresTarget, temp: Path) -> dict[str, int]:
    """Replace the target schema by the tables of the served file; the rows of each.

    Tables are written into a draft schema first; then, in one transaction, the old schema goes, the draft takes its name
    and the readers get their grants again, which a dropped schema loses. Raises VoicehouseError, without the
    connection string, when PostgreSQL cannot be reached or refuses.
    """
    from duckdb_extensions import import_extension

    draft = f"{target.schema}_draft"
    temp.mkdir(mode=0o700, parents=True, exist_ok=True)
    con = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    try:
        con.execute(f"SET extension_directory = {literal(str(temp / 'extensions'))}")
        con.execute("SET TimeZone = 'UTC'")
        import_extension("postgres", con=con)
        con.execute("LOAD postgres")
        con.execute(f"ATTACH {literal(str(served))} AS served (READ_ONLY)")
        con.execute(f"ATTACH {literal(target.connection)} AS pg (TYPE postgres)")
        _run(con, f"DROP SCHEMA IF EXISTS {draft} CASCADE; CREATE SCHEMA {draft}")
        con.execute("CALL pg_clear_cache()")
        tables = [
            str(row[0])
            for row in con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'served' ORDER BY table_name"
            ).fetchall()
        ]
        rows = {}
        for table in tables:
            name = identifier(table)
            con.execute(f"CREATE TABLE pg.{draft}.{name} AS SELECT * FROM served.main.{name}")
            counted = con.execute(f"SELECT count(*) FROM pg.{draft}.{name}").fetchone()
            rows[table] = int(counted[0]) if counted else 0
        grants = [
            f"GRANT USAGE ON SCHEMA {target.schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {target.schema} TO {role}"
            for role in target.readers
        ]
        swap = [f"DROP SCHEMA IF EXISTS {target.schema} CASCADE", f"ALTER SCHEMA {draft} RENAME TO {target.schema}"]
        _run(con, "; ".join(["BEGIN", *swap, *grants, "COMMIT"]))
    except duckdb.Error as error:
        raise VoicehouseError(
            f"PostgreSQL export failed ({type(error).__name__}): check that the server answers, and that the user may "
            f"create schema {target.schema}; the schema that was there is unchanged"
        ) from None
    finally:
        con.close()
    return rows


def _run(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    con.execute(f"CALL postgres_execute('pg', {literal(sql)}, use_transaction := false)")
