"""The published file in a real PostgreSQL: swapped whole, read by its readers, and not lost when an export fails.

Keep out: what is published (tests/unit/test_serving.py).
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.errors import VoicehouseError
from orchestration.serving.export import PostgresTarget, export_to_postgres

pytestmark = [pytest.mark.servers, pytest.mark.slow]


class Server:
    """A throw-away PostgreSQL on a socket of its own, run by a user who is not root."""

    def __init__(self, root: Path):
        self.root = root
        self.user = "nobody" if os.getuid() == 0 else None
        if self.user:
            os.chown(root, pwd.getpwnam(self.user).pw_uid, -1)
        self.run("initdb", "-D", str(root / "data"), "-A", "trust", "-U", "owner", "--no-sync")
        self.run(
            "pg_ctl",
            "-D",
            str(root / "data"),
            "-w",
            "-l",
            str(root / "log"),
            "-o",
            f"-c listen_addresses= -k {root}",
            "start",
        )

    def run(self, *command: str) -> None:
        subprocess.run(
            command, user=self.user, cwd=self.root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.root / "data"), "-m", "immediate", "stop")

    def connection(self, user: str = "owner") -> str:
        return f"host={self.root} user={user} dbname=postgres"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    root = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 characters
    server = Server(root)
    yield server
    server.stop()
    shutil.rmtree(root)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    path = tmp_path / "kpi.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE kpi_values AS SELECT 'nps' AS metric_id, i::DOUBLE AS value FROM range(3) t(i)")
        con.execute("CREATE TABLE kpi_metrics AS SELECT 'nps' AS metric_id, '净推荐值' AS name_zh")
    return path


def ask(server: Server, tmp_path: Path, sql: str, user: str = "owner") -> list[tuple[object, ...]]:
    from duckdb_extensions import import_extension

    with duckdb.connect() as con:
        con.execute(f"SET extension_directory = '{tmp_path / 'extensions'}'")
        import_extension("postgres", con=con)
        con.execute("LOAD postgres")
        con.execute(f"ATTACH '{server.connection(user)}' AS pg (TYPE postgres)")
        if sql.upper().startswith("SELECT"):
            return con.execute(f"SELECT * FROM postgres_query('pg', '{sql}')").fetchall()
        con.execute(f"CALL postgres_execute('pg', '{sql}')")
    return []


def test_an_export_replaces_the_schema_and_its_readers_keep_reading(server: Server, served: Path, tmp_path: Path):
    ask(server, tmp_path, "CREATE ROLE analyst LOGIN")
    target = PostgresTarget(server.connection(), readers=("analyst",))
    assert export_to_postgres(served, target, tmp_path) == {"kpi_metrics": 1, "kpi_values": 3}
    with duckdb.connect(str(served)) as con:
        con.execute("DELETE FROM kpi_values WHERE value = 0")
        con.execute("DROP TABLE kpi_metrics")
    assert export_to_postgres(served, target, tmp_path) == {"kpi_values": 2}
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values", user="analyst") == [(2,)]
    left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE $$voicehouse%$$"
    assert ask(server, tmp_path, left) == [(1,)]
    with pytest.raises(duckdb.Error, match="permission denied"):
        ask(server, tmp_path, "DELETE FROM voicehouse.kpi_values", user="analyst")


def test_an_export_that_fails_leaves_what_was_there(server: Server, served: Path, tmp_path: Path):
    export_to_postgres(served, PostgresTarget(server.connection()), tmp_path)
    with pytest.raises(VoicehouseError):
        export_to_postgres(served, PostgresTarget(server.connection(), readers=("nobody_there",)), tmp_path)
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values") == [(3,)]


def test_a_server_that_does_not_answer_is_told_without_its_password(served: Path, tmp_path: Path):
    target = PostgresTarget("host=127.0.0.1 port=9 user=owner password=swordfish connect_timeout=2")
    assert "swordfish" not in repr(target)
    with pytest.raises(VoicehouseError) as caught:
        export_to_postgres(served, target, tmp_path)
    assert "swordfish" not in str(caught.value) and caught.value.__suppress_context__


def test_names_that_would_be_sql_are_refused():
    with pytest.raises(VoicehouseError, match="plain PostgreSQL name"):
        PostgresTarget("host=x", schema="a; drop schema public")
