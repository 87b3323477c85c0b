"""The published file in a real PostgreSQL: swapped whole, read by its readers, and not lost when an export fails.

Keep out: what is published (tests/unit/test_serving.py).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration import modelling, pipeline
from orchestration.engine import connect, load_extension
from orchestration.errors import VoicehouseError
from orchestration.home import Home, House
from orchestration.lake import audit
from orchestration.privacy.keys import Keyring
from orchestration.serving.postgres import PostgresTarget, is_due, publish_served
from orchestration.serving.publish import withdraw
from tests.house import died
from tests.postgres import Server
from tests.unit import served_house

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "schema": "voicehouse",
    "readers": ["analyst"],
    "handlers": {"north": ["north"], "boss": ["*"]},
}
NOBODY = "host=127.0.0.1 port=9 user=owner connect_timeout=2"

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    root = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 characters
    server = Server(root)
    yield server
    server.stop()
    shutil.rmtree(root)


@pytest.fixture
def home(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that serves three figures and, restricted, two cases of two teams; it publishes to the server."""
    monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", server.connection())
    home = Home.open(tmp_path / "home")
    home.furnish(House(postgres=SETTINGS))
    write_served(home, 3)
    with connect(home.temp) as con:
        key = Keyring(home).hex("team")
        con.execute(
            f"ATTACH '{home.serving / 'team.duckdb'}' AS team (ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')"
        )
        con.execute("CREATE TABLE team.fct_cases AS FROM (VALUES ('c1', 'north'), ('c2', 'south')) t(case_key, team)")
        con.execute(
            "CREATE TABLE team.fct_case_events AS FROM (VALUES ('c1', 'opened'), ('c2', 'opened')) t(case_key, event)"
        )
        con.execute("CREATE TABLE team.fct_actions AS SELECT 'a1' AS action_key")
    for role in ("analyst", "north", "boss", "by_hand"):
        if not ask(server, tmp_path, f"SELECT 1 FROM pg_roles WHERE rolname = $${role}$$"):
            ask(server, tmp_path, f"CREATE ROLE {role} LOGIN")
    return home


def write_served(home: Home, figures: int) -> None:
    path = home.serving / "kpi.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute(
            f"CREATE TABLE kpi_values AS SELECT 'nps' AS metric_id, i::DOUBLE AS value FROM range({figures}) t(i)"
        )
        con.execute("CREATE TABLE kpi_metrics AS SELECT 'nps' AS metric_id, '净推荐值' AS name_zh")


def target(home: Home) -> PostgresTarget:
    found = PostgresTarget.of(home)
    assert found
    return found


def ask(server: Server, tmp_path: Path, sql: str, user: str = "owner") -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        load_extension(con, "postgres", "postgres_scanner")
        con.execute(f"ATTACH '{server.connection(user)}' AS pg (TYPE postgres)")
        if sql.upper().startswith("SELECT"):
            return con.execute(f"SELECT * FROM postgres_query('pg', '{sql}')").fetchall()
        con.execute(f"CALL postgres_execute('pg', '{sql}')")
    return []


def test_a_publication_replaces_the_schema_and_its_readers_keep_reading(server: Server, home: Home, tmp_path: Path):
    rows = publish_served(home, target(home))
    assert rows == {"kpi_metrics": 1, "kpi_values": 3, "fct_actions": 1, "fct_case_events": 2, "fct_cases": 2}
    write_served(home, 2)
    publish_served(home, target(home))
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values", user="analyst") == [(2,)]
    left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE $$voicehouse%$$"
    assert ask(server, tmp_path, left) == [(2,)]
    with pytest.raises(duckdb.Error, match="permission denied"):
        ask(server, tmp_path, "DELETE FROM voicehouse.kpi_values", user="analyst")


def test_grants_given_by_hand_outlive_the_swap(server: Server, home: Home, tmp_path: Path):
    publish_served(home, target(home))
    with pytest.raises(duckdb.Error, match="permission denied"):
        ask(server, tmp_path, "SELECT * FROM voicehouse.kpi_values", user="by_hand")
    ask(server, tmp_path, "GRANT USAGE ON SCHEMA voicehouse TO by_hand")
    ask(server, tmp_path, "GRANT SELECT ON voicehouse.kpi_values TO by_hand")
    publish_served(home, target(home))
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values", user="by_hand") == [(3,)]
    with pytest.raises(duckdb.Error, match="permission denied"):
        ask(server, tmp_path, "SELECT * FROM voicehouse.kpi_metrics", user="by_hand")


def test_the_restricted_schema_shows_a_role_the_rows_of_its_teams(server: Server, home: Home, tmp_path: Path):
    publish_served(home, target(home))

    def seen(user: str) -> dict[str, int]:
        tables = ("fct_cases", "fct_case_events", "fct_actions")
        return {t: ask(server, tmp_path, f"SELECT count(*) FROM voicehouse_team.{t}", user=user)[0][0] for t in tables}

    assert seen("north") == {"fct_cases": 1, "fct_case_events": 1, "fct_actions": 0}
    assert seen("boss") == {"fct_cases": 2, "fct_case_events": 2, "fct_actions": 1}
    for closed in ("SELECT * FROM voicehouse_team.fct_cases", "SELECT * FROM voicehouse_team.readable_teams"):
        with pytest.raises(duckdb.Error, match="permission denied"):
            ask(server, tmp_path, closed, user="analyst")
    with pytest.raises(duckdb.Error, match="permission denied"):
        ask(server, tmp_path, "UPDATE voicehouse_team.readable_teams SET team = $$south$$", user="north")


def test_withdrawing_empties_both_schemas_and_leaves_the_grants(server: Server, home: Home, tmp_path: Path):
    publish_served(home, target(home))
    assert "postgresql" in withdraw(home, "a test")
    for table in ("voicehouse.kpi_values", "voicehouse_team.fct_cases"):
        assert ask(server, tmp_path, f"SELECT count(*) FROM {table}") == [(0,)]
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values", user="analyst") == [(0,)]
    assert not is_due(home)


def test_a_publication_that_fails_leaves_what_was_there_and_stays_due(server: Server, home: Home, tmp_path: Path):
    publish_served(home, target(home))
    home.furnish(House(postgres={**SETTINGS, "readers": ["nobody_there"]}), anew=True)
    with pytest.raises(VoicehouseError):
        publish_served(home, target(home))
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values", user="analyst") == [(3,)]
    assert is_due(home)
    home.furnish(House(postgres=SETTINGS), anew=True)
    publish_served(home, target(home))
    assert not is_due(home)


def test_a_withdrawal_that_cannot_reach_the_server_is_made_up_for(server, home, tmp_path, monkeypatch):
    publish_served(home, target(home))
    monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", NOBODY)
    assert any("not reached" in r for r in withdraw(home, "a test"))
    assert is_due(home)
    monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", server.connection())
    publish_served(home, target(home))
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values") == [(0,)]


def test_a_run_that_has_nothing_good_to_serve_makes_up_for_a_withdrawal(server, home, tmp_path, monkeypatch):
    publish_served(home, target(home))
    monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", NOBODY)
    (home.serving / "kpi.duckdb").write_bytes(b"torn")
    assert pipeline.recheck_served(home, "first") == ["unreadable"] and is_due(home)
    assert pipeline.recheck_served(home, "second") == [] and is_due(home)
    (told,) = pipeline.Outcomes(home, "second").codes("unreached")
    assert "publishing to PostgreSQL failed" in told
    monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", server.connection())
    assert pipeline.recheck_served(home, "second") == [] and not is_due(home)
    assert pipeline.Outcomes(home, "second").codes("unreached") == []
    for table in ("voicehouse.kpi_values", "voicehouse_team.fct_cases"):
        assert ask(server, tmp_path, f"SELECT count(*) FROM {table}") == [(0,)]


def test_restricted_rows_that_were_taken_out_go_though_the_new_figures_are_refused(server, home, tmp_path, monkeypatch):
    publish_served(home, target(home))
    (home.serving / "team.duckdb").unlink()  # as an erasure does
    con = served_house.warehouse(tmp_path / "made", answers=20, cases=20, days=5)
    load_extension(con, "httpfs")
    monkeypatch.setattr(pipeline, "open_warehouse", lambda *_: con)
    monkeypatch.setattr(audit, "published_failures", lambda _: ["planned to fail"])
    monkeypatch.setattr(pipeline, "report_privacy", died)  # whatever becomes of the report
    with pytest.raises(KeyboardInterrupt):
        pipeline.publish(home, Keyring(home), "candidate")
    assert "planned to fail" in pipeline.Outcomes(home, "candidate").codes("refused")
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse.kpi_values") == [(3,)]
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse_team.fct_cases") == [(0,)]


def test_restricted_rows_that_were_taken_out_go_though_the_models_fail(server, home, tmp_path, monkeypatch):
    publish_served(home, target(home))
    (home.serving / "team.duckdb").unlink()
    with pytest.raises(KeyboardInterrupt):
        monkeypatch.setattr(modelling, "manifest", died)
        pipeline.rebuild(home, Keyring(home), "erased")
    monkeypatch.setattr(audit, "published_failures", lambda _: [])
    assert pipeline.recheck_served(home, "next") == [] and not is_due(home)
    assert ask(server, tmp_path, "SELECT count(*) FROM voicehouse_team.fct_cases") == [(0,)]


def test_the_command_publishes_and_shows_no_secret(server: Server, home: Home, tmp_path: Path):
    publish_served(home, target(home))
    environment = {**os.environ, "PUBLISH__POSTGRES__CONNECTION": server.connection() + " password=swordfish"}
    command = [sys.executable, "-m", "orchestration.cli", "--home", str(home.root), "publish", "postgres"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0 and "kpi_values" in done.stdout
    environment["PUBLISH__POSTGRES__CONNECTION"] = "host=127.0.0.1 port=9 password=swordfish connect_timeout=2"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1 and "swordfish" not in done.stdout + done.stderr
    assert not [p for p in home.root.rglob("*") if p.is_file() and b"swordfish" in p.read_bytes()]


def test_names_that_would_be_sql_are_refused():
    with pytest.raises(VoicehouseError, match="plain PostgreSQL name"):
        PostgresTarget("host=x", schema="a; drop schema public")
