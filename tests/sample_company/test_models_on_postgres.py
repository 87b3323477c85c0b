"""The same models on a real PostgreSQL: every mart row by row as DuckDB makes it. Keep out: the truth of figures."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration import modelling
from orchestration.engine import connect, identifier, load_extension
from orchestration.lake.increment import Increment
from orchestration.lake.store import LAKE_KEY, Lake
from tests.postgres import Server
from tests.protected_lake import differences
from tests.sample_company.conftest import SampleRun

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    sample = SampleRun(tmp_path_factory.mktemp("small_sample"))
    done = sample.voicehouse("run", "--sample", "--customers", "300")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return sample


@pytest.fixture(scope="module")
def both(small: SampleRun) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse as catalog `wh`, and what PostgreSQL made of the same lake as catalog `pg`, copied here."""
    root = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 characters
    server = Server(root)
    con = connect(small.home.temp)
    try:
        Lake(small.home, small.keyring.base64(LAKE_KEY)).register(con)
        load_extension(con, "postgres", "postgres_scanner")
        con.execute(f"ATTACH '{server.connection()}' AS server (TYPE postgres)")
        con.execute("CREATE SCHEMA server.lake")
        listed = (
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'memory' AND table_schema = 'lake'"
        )
        for (name,) in con.execute(listed).fetchall():
            con.execute(f"CREATE TABLE server.lake.{identifier(name)} AS FROM memory.lake.{identifier(name)}")
        _dbt_build(small, root)
        con.execute(
            f"ATTACH '{small.home.warehouse}' AS wh "
            f"(READ_ONLY, ENCRYPTION_KEY '{small.keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
        )
        con.execute("ATTACH ':memory:' AS pg")
        con.execute("CALL pg_clear_cache()")
        tables = (
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'wh' AND schema_name <> 'main'"
        )
        for schema, name in con.execute(tables).fetchall():
            con.execute(f"CREATE SCHEMA IF NOT EXISTS pg.{schema}")
            con.execute(f"CREATE TABLE pg.{schema}.{identifier(name)} AS FROM server.{schema}.{identifier(name)}")
        yield con
    finally:
        con.close()
        server.stop()
        shutil.rmtree(root)


def _dbt_build(sample: SampleRun, socket: Path) -> None:
    home = sample.home
    done = subprocess.run(
        [
            modelling.executable(),
            *modelling.Build(Increment(), "", 0, modelling.variables(home)).arguments(),
        ],
        env={
            **os.environ,
            **modelling.environment(home),
            "DBT_TARGET_PATH": str(socket / "target"),
            "VOICEHOUSE_DBT_TARGET": "postgres",
            "VOICEHOUSE_POSTGRES_HOST": str(socket),
            "VOICEHOUSE_POSTGRES_USER": "owner",
            "VOICEHOUSE_POSTGRES_DATABASE": "postgres",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        },
        cwd=modelling.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_table_is_the_one_that_duckdb_makes(both: duckdb.DuckDBPyConnection) -> None:
    (n,) = both.execute("SELECT count(*) FROM wh.kpis.kpi_values WHERE value IS NOT NULL").fetchone() or (0,)
    assert n > 50_000  # the control: there is something to compare
    found = differences(both, "wh", "pg")
    # DuckDB built before the checks that are asked of the file about to be served; PostgreSQL, here, after them.
    asked_later = both.execute(
        "SELECT check_id FROM wh.kpis.privacy_checks EXCEPT SELECT check_id FROM pg.kpis.privacy_checks"
    ).fetchall()
    assert asked_later == []
    found.pop("kpis.privacy_checks", None)
    assert found == {}
