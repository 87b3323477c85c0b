"""Figures per member of staff: off until policy names their purpose; then in the restricted file, names for the lead.

Keep out: which rows are hidden (dbt's unit tests) and when the restricted file is written (test_serving.py).
"""

import csv
import io
import json
import shutil
from collections.abc import Iterator

import duckdb
import pytest
from click.testing import CliRunner

from orchestration import modelling, pipeline
from orchestration.cli import main
from orchestration.engine import literal
from orchestration.home import Home
from orchestration.privacy.audit_log import AuditLog, actor
from orchestration.privacy.keys import Keyring
from orchestration.serving.postgres import TEAM_KEY
from tests.sample_company.conftest import SampleRun

STAFF = '\n[staff]\npurpose = "coaching"\nleads = {{ "{team}" = ["{account}"] }}\n'


def restricted(home: Home) -> duckdb.DuckDBPyConnection:
    """The restricted file, as catalog `team`."""
    con = duckdb.connect()
    key = Keyring(home).hex(TEAM_KEY)
    con.execute(
        f"ATTACH {literal(str(home.serving / 'team.duckdb'))} AS team (READ_ONLY, ENCRYPTION_KEY {literal(key)}); USE team"
    )
    return con


@pytest.fixture(scope="module")
def team(run: SampleRun) -> str:
    """The largest team."""
    with restricted(run.home) as con:
        row = con.execute(
            "SELECT team FROM dim_agents WHERE is_current GROUP BY team ORDER BY count(*) DESC, team LIMIT 1"
        ).fetchone()
    assert row
    return str(row[0])


@pytest.fixture(scope="module")
def coached(run: SampleRun, team: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The sample's home with a purpose for figures of staff, and these modelled anew."""
    root = tmp_path_factory.mktemp("staff") / "home"
    shutil.copytree(run.home.root, root)
    with (root / "policy.toml").open("a", encoding="utf-8") as policy:
        policy.write(STAFF.format(team=team, account=actor()))
    home = Home.open(root)
    arguments = ["run", "--select", "kpi_agents", "--vars", json.dumps(modelling.variables(home))]
    modelling.run(home, arguments, modelling.environment(home, Keyring(home)))
    yield home


def ask(home: Home, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--home", str(home.root), "team", "names", "--reason", "talks", *arguments])
    return done.exit_code, done.output


def test_there_are_none_until_policy_names_their_purpose(run: SampleRun) -> None:
    with restricted(run.home) as con:
        assert con.execute("SELECT count(*) FROM kpi_agents").fetchone() == (0,)
    code, said = ask(run.home, "--team", "any", "--role", "handler")
    assert code == 1 and "names no purpose" in said


def test_figures_rest_on_enough_cases_of_enough_customers(coached: Home) -> None:
    """Against the same count over the rows of the warehouse, written another way."""
    con = pipeline.open_warehouse(coached, Keyring(coached))
    rows = con.execute(
        "SELECT agent_key, year(opened_at AT TIME ZONE 'UTC' AT TIME ZONE ?), coalesce(subject_key, counted_key, case_key), "
        "reopen_count > 0 FROM wh.core.fct_cases WHERE agent_key IS NOT NULL AND reopen_count IS NOT NULL "
        "AND NOT is_merged AND NOT is_spam",
        [coached.house.reporting_tz],
    ).fetchall()
    asked = con.execute(
        "SELECT count(*) FROM wh.core.fct_survey_answers JOIN wh.core.fct_cases USING (case_key) "
        "WHERE metric IN ('csat', 'ces') AND is_scored AND agent_key IS NOT NULL"
    ).fetchone()
    cells: dict[tuple[str, int], list[tuple[str, bool]]] = {}
    for agent, year, person, is_reopened in rows:
        cells.setdefault((agent, year), []).append((person, is_reopened))
    expected = {
        key: (len(told), len({p for p, _ in told}), round(100 * sum(s for _, s in told) / len(told), 6))
        if len(told) >= 30 and len({p for p, _ in told}) >= 10
        else (None, None, None)
        for key, told in cells.items()
    }
    found = {
        (agent, year): (n, persons, None if value is None else round(value, 6))
        for agent, year, n, persons, value in con.execute(
            "SELECT agent_key, year(period_start), n_answered, n_subjects, value FROM wh.core.kpi_agents "
            "WHERE metric_id = 'reopen_rate' AND period_grain = 'year'"
        ).fetchall()
    }
    answers = con.execute("SELECT count(*) FROM wh.core.kpi_agents WHERE metric_id = 'ces'").fetchone()
    told = con.execute(
        "SELECT min(n_answered), min(n_subjects), "
        "count(*) FILTER ((suppressed_reason IS NULL) <> (value IS NOT NULL)) FROM wh.core.kpi_agents"
    ).fetchone()
    con.close()
    assert found == expected and {v is None for _, _, v in found.values()} == {True, False}
    assert asked != (0,) and answers != (0,)
    assert told and told[0] >= 30 and told[1] >= 10 and told[2] == 0


def test_no_published_table_tells_of_staff(run: SampleRun) -> None:
    with run.served() as con:
        told = con.execute("SELECT table_name FROM duckdb_columns() WHERE column_name = 'agent_key'").fetchall()
        tables = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
    assert told == [] and "kpi_agents" not in tables
    assert not (run.home.serving / "parquet" / "kpi_agents.parquet").exists()


def test_the_lead_of_a_team_gets_its_names_and_the_log_says_so(coached: Home, team: str, run: SampleRun) -> None:
    code, said = ask(coached, "--team", team, "--role", "handler")
    assert code == 0
    names = set()
    for file in (run.inbox / "directory").glob("staff_*.csv"):
        names |= {row["姓名"] for row in csv.DictReader(io.StringIO(file.read_text("gb18030")))}
    shown = [line.split("  ")[1] for line in said.splitlines()[:-1]]
    assert shown and set(shown) <= names
    line = list(AuditLog(coached, Keyring(coached)).lines())[-1]
    assert (line["action"], line["facts"]["team"], line["facts"]["n"]) == ("team_names_shown", team, len(shown))
    assert not any(name in str(line) for name in shown)


def test_nobody_else_gets_them_and_their_asking_is_logged(coached: Home, team: str) -> None:
    assert ask(coached, "--team", team, "--role", "analyst")[0] == 5
    code, said = ask(coached, "--team", "another", "--role", "handler")
    assert code == 5 and "does not name you" in said
    line = list(AuditLog(coached, Keyring(coached)).lines())[-1]
    assert (line["action"], line["facts"]["operation"]) == ("refused", "team names")
