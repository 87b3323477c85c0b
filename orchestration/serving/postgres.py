"""Publishing what is served to PostgreSQL, for many readers at once, and withdrawing it there.

Keep out: the warehouse; only files that are served already are read here.

Off unless house.toml names a schema under [postgres]. The connection is a secret of dlt's configuration, never an
argument: PUBLISH__POSTGRES__CONNECTION, or `connection` under [publish.postgres] in .dlt/secrets.toml.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from orchestration.engine import connect, identifier, literal, load_extension
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, sync_folder, write_durably
from orchestration.privacy.flows import of_server
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy

VARIABLE = "PUBLISH__POSTGRES__CONNECTION"
TEAM_KEY = "team"
EVERY_TEAM = "*"

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")

# Where a table of the restricted schema has no team of its own, its rows belong to the case or agent they name.
BELONGS = {"case_key": "fct_cases", "agent_key": "dim_agents"}


@dataclass(frozen=True)
class PostgresTarget:
    """Where to: a libpq connection string (from the secrets, never logged), the schemas, and who may read them.

    `readers`: roles that may read all of `schema`. `handlers`: role → the teams whose rows it may read in
    `team_schema` ('*': all); without handlers nothing restricted leaves the home. The roles must exist.
    """

    connection: str = field(repr=False)
    schema: str = "voicehouse"
    readers: tuple[str, ...] = ()
    team_schema: str = "voicehouse_team"
    handlers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (self.schema, self.team_schema, *self.readers, *self.handlers)
        if bad := [n for n in names if not _NAME.fullmatch(n)]:
            raise VoicehouseError(f"not a plain PostgreSQL name: {', '.join(bad)}")
        if self.schema == self.team_schema:
            raise VoicehouseError("the restricted PostgreSQL schema must be another than the published one")

    @classmethod
    def of(cls, home: Home) -> "PostgresTarget | None":
        """What house.toml says, with the connection from the secrets; None where it names no schema.

        Raises VoicehouseError when it does and the secret is missing, or the server lies abroad (`place`) and no
        mechanism (`transfer`) is named, or is another machine and nobody says where it lies, or handlers would get rows
        out of the mainland.
        """
        given = home.house.postgres
        if not given.get("schema"):
            return None
        way = of_server(given, Policy.of(home))
        if lacking := way.missing() if way else []:
            raise VoicehouseError("; ".join(lacking))
        import dlt

        connection = dlt.secrets.get("publish.postgres.connection")
        if not connection:
            raise VoicehouseError(
                f"house.toml publishes to PostgreSQL and the connection is missing: set {VARIABLE}, or connection "
                "under [publish.postgres] in .dlt/secrets.toml"
            )
        if not given.get("place") and not _is_here(str(connection)):
            raise VoicehouseError(
                "[postgres]: the server is another machine and no place is told: add place, a country's code such as CN "
                "or DE, under [postgres] of house.toml"
            )
        return cls(
            str(connection),
            given["schema"],
            tuple(given.get("readers", ())),
            given.get("team_schema") or f"{given['schema']}_team",
            {role: tuple(teams) for role, teams in given.get("handlers", {}).items()},
        )


def _is_here(connection: str) -> bool:
    """Whether a libpq string or address names no machine but this one."""
    _, is_address, rest = connection.partition("://")
    at = re.split(r"[/?]", rest)[0].rpartition("@")[2] if is_address else ""
    told = [at, *re.findall(r"\bhost(?:addr)?\s*=\s*'?([^'\s&]*)", connection)]
    hosts = {re.sub(r":\d*$", "", h) if is_address else h for name in told for h in name.split(",")} - {""}
    return all(
        re.fullmatch(r"localhost|127\..*|\[?::1\]?|(?:/|%2[Ff]).*", h) for h in hosts or {os.environ.get("PGHOST", "/")}
    )


def publish_served(home: Home, target: PostgresTarget) -> dict[str, int]:
    """Bring PostgreSQL to what is served here: published tables, and the restricted ones where there are handlers.

    Returns the rows of each table; where nothing is served (any more), what PostgreSQL showed is withdrawn there too.
    Until it succeeds `is_due` says so, and the next run tries again. Raises VoicehouseError, without the connection
    string, when PostgreSQL cannot be reached or refuses: what was there is unchanged then.
    """
    mark_due(home)  # until that is gone again, PostgreSQL shows something else than this home
    served, team = home.serving / "kpi.duckdb", home.serving / "team.duckdb"
    rows = {}
    with _connected(home, target) as con:
        if not served.exists():
            _withdraw(con, target)
        else:
            con.execute(f"ATTACH {literal(str(served))} AS served (READ_ONLY)")
            rows = _replace(con, "served", target.schema, _reading(target.schema, target.readers))
            if target.handlers and team.exists():
                key = Keyring(home).hex(TEAM_KEY)
                con.execute(f"ATTACH {literal(str(team))} AS restricted (READ_ONLY, ENCRYPTION_KEY '{key}')")
                rows |= _replace(con, "restricted", target.team_schema, _restricting(con, target))
            else:
                _run(con, _emptied(target.team_schema))
    _due(home).unlink(missing_ok=True)
    return rows


def mark_due(home: Home) -> None:
    """Note, where the home publishes to PostgreSQL, that it has yet to hear of a change: the next run tells it."""
    if home.house.postgres.get("schema"):
        write_durably(_due(home), json.dumps({"since": now().isoformat()}).encode())


def take_out_restricted(home: Home) -> None:
    """Remove the restricted file, durably, for the next run to make another without rows that go.

    PostgreSQL is due first: a death after it leaves the next run to empty what was filled from that file.
    """
    mark_due(home)
    (home.serving / "team.duckdb").unlink(missing_ok=True)
    sync_folder(home.serving)


def is_due(home: Home) -> bool:
    """Whether PostgreSQL, where the home publishes to it, has yet to hear of what was published or withdrawn here."""
    return bool(home.house.postgres.get("schema")) and _due(home).exists()


def _due(home: Home) -> Path:
    return home.folder("ops") / "postgres_due.json"


def _withdraw(con: duckdb.DuckDBPyConnection, target: PostgresTarget) -> None:
    """Empty every table of both schemas at once.

    Schemas, tables and grants stay, so that readers see nothing, not an error.
    """
    _run(con, _emptied(target.schema) + "; " + _emptied(target.team_schema))


def _replace(con: duckdb.DuckDBPyConnection, catalog: str, schema: str, opening: list[str]) -> dict[str, int]:
    """Replace a schema by the tables of an attached file, in one transaction; the rows of each.

    Tables are written into a draft schema first. Then the old one goes, the draft takes its name, and everybody who
    could read keeps reading: grants that were given by hand are read before and given again, for a dropped schema
    loses them.
    """
    draft = f"{schema}_draft"
    _run(con, f"DROP SCHEMA IF EXISTS {draft} CASCADE; CREATE SCHEMA {draft}")
    con.execute("CALL pg_clear_cache()")
    found = con.execute(
        f"SELECT table_name FROM duckdb_tables() WHERE database_name = '{catalog}' ORDER BY table_name"
    ).fetchall()
    rows = {}
    for table in (str(row[0]) for row in found):
        name = identifier(table)
        con.execute(f"CREATE TABLE pg.{draft}.{name} AS SELECT * FROM {catalog}.main.{name}")
        counted = con.execute(f"SELECT count(*) FROM {catalog}.main.{name}").fetchone()
        rows[table] = int(counted[0]) if counted else 0
    swapped = [
        _remember(schema),
        f"DROP SCHEMA IF EXISTS {schema} CASCADE",
        f"ALTER SCHEMA {draft} RENAME TO {schema}",
        *opening,
        _GRANT_AGAIN,
    ]
    _run(con, "; ".join(["BEGIN", *swapped, "COMMIT"]))
    return rows


def _remember(schema: str) -> str:
    """SQL: who may read what in the old schema, as grants for the new one, in a table of the transaction."""
    return f"""
        CREATE TEMP TABLE granted ON COMMIT DROP AS
        SELECT NULL::name AS relation, format('GRANT USAGE ON SCHEMA {schema} TO %s', a.grantee::regrole) AS again
        FROM pg_namespace n, aclexplode(n.nspacl) a
        WHERE n.nspname = '{schema}' AND a.privilege_type = 'USAGE' AND a.grantee NOT IN (0, n.nspowner)
        UNION ALL
        SELECT c.relname, format('GRANT SELECT ON {schema}.%I TO %s', c.relname, a.grantee::regrole)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
        WHERE n.nspname = '{schema}' AND c.relkind = 'r' AND a.privilege_type = 'SELECT'
            AND a.grantee NOT IN (0, c.relowner)
    """


_GRANT_AGAIN = """
    DO $again$ DECLARE g record; BEGIN
        FOR g IN SELECT again FROM granted WHERE relation IS NULL OR relation IN (
            SELECT c.relname FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE again LIKE 'GRANT SELECT ON ' || n.nspname || '.%' AND c.relkind = 'r'
        ) LOOP EXECUTE g.again; END LOOP;
    END $again$
"""


def _reading(schema: str, readers: tuple[str, ...]) -> list[str]:
    return [
        f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
        for role in readers
    ]


def _restricting(con: duckdb.DuckDBPyConnection, target: PostgresTarget) -> list[str]:
    """SQL: row security on every restricted table.

    A row shows to the roles of its team, and without a team to those of all.
    """
    schema = target.team_schema
    columns: dict[str, set[str]] = {}
    for table, column in con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'restricted' AND NOT internal"
    ).fetchall():
        columns.setdefault(str(table), set()).add(str(column))
    given = [(role, team) for role, teams in target.handlers.items() for team in teams]
    members = ", ".join(f"({literal(role)}, {literal(team)})" for role, team in given) or "(NULL, NULL)"
    found = [
        f"CREATE TABLE {schema}.readable_teams (role_name text, team text)",
        f"INSERT INTO {schema}.readable_teams VALUES {members}",
    ]
    mine = f"SELECT m.team FROM {schema}.readable_teams m WHERE m.role_name = current_user"
    for table, has in sorted(columns.items()):
        rules = [f"{literal(EVERY_TEAM)} IN ({mine})"]
        if "team" in has:
            rules.append(f"team IN ({mine})")
        rules += [
            f"{key} IN (SELECT o.{key} FROM {schema}.{owner} o)"  # its own row security applies in here
            for key, owner in BELONGS.items()
            if "team" not in has and key in has and owner in columns and owner != table
        ][:1]
        name = identifier(table)
        found += [
            f"ALTER TABLE {schema}.{name} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY own_team ON {schema}.{name} FOR SELECT USING ({' OR '.join(rules)})",
        ]
    return found + _reading(schema, tuple(target.handlers))


def _emptied(schema: str) -> str:
    return f"""
        DO $empty$ DECLARE t record; BEGIN
            FOR t IN SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('{schema}', '{schema}_draft')
                AND tablename <> 'readable_teams'
            LOOP EXECUTE format('TRUNCATE TABLE %I.%I', t.schemaname, t.tablename); END LOOP;
        END $empty$
    """


@contextmanager
def _connected(home: Home, target: PostgresTarget) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with PostgreSQL attached as `pg`; what it says is never passed on, it may quote the connection."""
    con = connect(home.temp)
    try:
        load_extension(con, "postgres", "postgres_scanner")
        con.execute(f"ATTACH {literal(target.connection)} AS pg (TYPE postgres)")
        yield con
    except duckdb.Error as error:
        raise VoicehouseError(
            f"publishing to PostgreSQL failed ({type(error).__name__}): check that the server answers, that the roles "
            f"of house.toml exist, and that the user may create schemas {target.schema} and {target.team_schema}; what "
            "was there is unchanged"
        ) from None
    finally:
        con.close()


def _run(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    con.execute(f"CALL postgres_execute('pg', {literal(sql)}, use_transaction := false)")
