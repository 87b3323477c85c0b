"""Publication: what is built, what is refused, what stays when a check fails, what goes when it is withdrawn.

Keep out: the rules of disclosure and the look of the report.
"""

import errno
import json
import re
import stat
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import served_house
import yaml

from orchestration import pipeline
from orchestration.engine import load_extension
from orchestration.errors import VoicehouseError
from orchestration.home import Home, House
from orchestration.lake import audit
from orchestration.privacy import incidents
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.running import summary
from orchestration.serving import postgres, verdict
from orchestration.serving import publish as publishing
from orchestration.serving.publish import PublishResult, person_free, publish, withdraw
from orchestration.serving.report import write_report
from orchestration.serving.swap import swap
from tests.house import died

ROOT = Path(__file__).parents[2]
KNOWN_AT = datetime(2026, 7, 20, 1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    con = served_house.warehouse(tmp_path_factory.mktemp("made"), answers=600, cases=400, days=120)
    load_extension(con, "httpfs")
    return con


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return served_house.home(tmp_path)


def served(home: Home, house: duckdb.DuckDBPyConnection, **given: object) -> PublishResult:
    return publish(house, home, **{"profile": "internal", "known_at": KNOWN_AT, **given})


def test_publishing_serves_marts_dimensions_and_their_parquet_copies(home: Home, house: duckdb.DuckDBPyConnection):
    result = served(home, house)
    assert result.is_served and result.disclosed and result.disclosed.derivable == 0
    expected = {
        "kpi_values",
        "kpi_metrics",
        "kpi_columns",
        "kpi_data_quality",
        "kpi_coverage",
        "privacy_checks",
        "load_ledger",
        "kpi_restatements",
        "kpi_choices",
        "dim_channels",
        "publication",
    }
    assert set(result.rows) == expected
    assert {p.stem for p in (home.serving / "parquet").iterdir()} == expected
    with duckdb.connect(str(result.path), read_only=True) as con:
        told = con.execute("SELECT profile, threshold, known_at, n_cells FROM publication").fetchone()
        assert told == ("internal", 10, KNOWN_AT, result.rows["kpi_values"])
        shown = con.execute("SELECT count(*) FROM kpi_values WHERE n_subjects < 10 AND n_subjects > 0").fetchone()
        assert shown == (0,)
    assert stat.S_IMODE(result.path.stat().st_mode) == 0o640
    assert not list(home.serving.glob("*.wal")) and not list(home.serving.glob(".*.duckdb"))


def test_what_can_be_chosen_is_what_the_published_figures_have(home: Home, house: duckdb.DuckDBPyConnection):
    with duckdb.connect(str(served(home, house).path), read_only=True) as con:
        told = con.execute("FROM kpi_choices ORDER BY ALL").fetchall()
        counted = con.execute(
            "SELECT metric_id, variant, period_grain, breakdown, count(*), count(*) FILTER (suppressed_reason IS NOT NULL), "
            "greatest(count(DISTINCT period_start), 1), min(period_start), max(period_start) FROM kpi_values "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert told == counted and len(told) > 100
    assert {row[6] for row in told if row[2] == "all"} == {1}


def test_what_publication_writes_itself_is_what_the_dictionary_of_columns_is_told(
    home: Home, house: duckdb.DuckDBPyConnection
):
    described = yaml.safe_load((ROOT / "dbt_project" / "models" / "marts" / "kpis" / "_kpis.yml").read_text())
    tables = {t["name"]: t["columns"] for s in described["sources"] for t in s["tables"]}
    with duckdb.connect(str(served(home, house).path), read_only=True) as con:
        for name, columns in tables.items():
            told = [(c["name"], c["data_type"].upper().replace("DOUBLE PRECISION", "DOUBLE")) for c in columns]
            assert [row[:2] for row in con.execute(f"DESCRIBE {name}").fetchall()] == told


def test_the_served_file_has_no_free_blocks_where_hidden_figures_could_stand(
    home: Home, house: duckdb.DuckDBPyConnection
):
    result = served(home, house)
    with duckdb.connect(str(result.path), read_only=True) as con:
        free = con.execute("SELECT free_blocks FROM pragma_database_size()").fetchone()
        in_order = con.execute("SELECT metric_id, variant, period_grain FROM kpi_values").fetchall()
    assert free == (0,)
    assert in_order == sorted(in_order)


def test_the_ledger_says_what_became_of_every_promoted_row(
    home: Home, house: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    house.execute(
        "CREATE SCHEMA IF NOT EXISTS wh.staging; CREATE TABLE wh.staging.stg_usage AS SELECT * FROM (VALUES (1, false, NULL), (2, false, NULL), (1, true, NULL), "
        "(1, false, 'purpose'), (2, true, 'purpose'), (1, false, 'expired')) AS t(version_rank, is_deleted, withheld_reason) "
        "CROSS JOIN (SELECT 'l1' AS load_id, 'app' AS source, TIMESTAMP '2026-07-20 01:00:00' AS loaded_at)"
    )
    house.execute(
        "INSERT INTO wh.kpis.load_ledger SELECT 'l1', 'app', TIMESTAMP '2026-07-20 01:00:00', 'rows', 'usage', * "
        "FROM (VALUES ('promoted', NULL, 8), ('withheld', 'expired', 2))"
    )
    try:
        result = served(home, house)
    finally:
        house.execute("DROP TABLE wh.staging.stg_usage; DELETE FROM wh.kpis.load_ledger WHERE source = 'app'")
    with duckdb.connect(str(result.path), read_only=True) as con:
        told = con.execute(
            "SELECT measure, reason, n FROM load_ledger WHERE source = 'app' AND name = 'usage' ORDER BY ALL"
        ).fetchall()
        months = con.execute("SELECT count(*) FROM load_ledger WHERE source <> 'app'").fetchone()
    assert told == [
        ("current", None, 1), ("deleted", None, 1), ("promoted", None, 8), ("superseded", None, 2),
        ("withheld", "expired", 3), ("withheld", "purpose", 1),
    ]  # fmt: skip
    assert months == (5,)  # what stood there stays
    summary(home, print)
    assert "app usage 3 (expired), app usage 1 (purpose)" in capsys.readouterr().out
    page = write_report(home).read_text(encoding="utf-8")
    assert "withheld" in page and re.search(
        r"<th>app</th><td>usage</td>(<td class=\"n\">\d+</td>){10}<td class=\"n\">4</td>", page
    )


def test_the_restricted_file_opens_with_its_own_key_only(home: Home, house: duckdb.DuckDBPyConnection):
    served(home, house)
    path = home.serving / "team.duckdb"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"parcel is late" not in path.read_bytes()
    with pytest.raises(duckdb.Error):
        duckdb.connect(str(path), read_only=True)
    house.execute(f"ATTACH '{path}' AS opened (ENCRYPTION_KEY '{Keyring(home).hex('team')}', READ_ONLY)")
    rows = house.execute("SELECT count(*) FROM opened.fct_cases").fetchone()
    house.execute("DETACH opened")
    assert rows == (1,)


def test_what_was_taken_out_leaves_the_restricted_file_though_figures_wait_for_a_signature(
    home: Home, house: duckdb.DuckDBPyConnection
):
    before = served(home, house).path.read_bytes()
    house.execute("CREATE TEMP TABLE kept AS FROM wh.core.fct_cases; DELETE FROM wh.core.fct_cases")
    try:
        waits = publish(house, home, "internal", None, waits=True)
    finally:
        house.execute("INSERT INTO wh.core.fct_cases FROM kept; DROP TABLE kept")
    team = f"'{home.serving / 'team.duckdb'}' AS team (ENCRYPTION_KEY '{Keyring(home).hex('team')}', READ_ONLY)"
    house.execute(f"ATTACH {team}")
    found = house.execute("SELECT count(*) FROM team.fct_cases").fetchone()
    house.execute("DETACH team")
    assert waits.is_waiting and found == (0,) and waits.path.read_bytes() == before


def test_a_failed_check_keeps_the_last_good_version(home: Home, house: duckdb.DuckDBPyConnection):
    good = served(home, house).path.read_bytes()
    seen: list[Path] = []

    def refuse(candidate: Path) -> list[str]:
        seen.append(candidate)
        return ["kpi_values:between"]

    result = served(home, house, checks=refuse)
    assert not result.is_served and result.failed_checks == ("kpi_values:between",)
    assert seen[0] != result.path and not seen[0].exists()
    assert result.path.read_bytes() == good


def test_a_mart_with_rows_per_person_is_restricted(home: Home, house: duckdb.DuckDBPyConnection):
    house.execute("CREATE OR REPLACE TABLE wh.kpis.kpi_agents AS SELECT 'a1' AS agent_key, 0.9 AS value")
    result = served(home, house)
    house.execute("DROP TABLE wh.kpis.kpi_agents")
    assert "kpi_agents" not in result.rows
    house.execute(f"ATTACH '{home.serving / 'team.duckdb'}' AS team (ENCRYPTION_KEY '{Keyring(home).hex('team')}')")
    found = house.execute("SELECT count(*) FROM team.kpi_agents").fetchone()
    house.execute("DETACH team")
    assert found == (1,)


def test_a_candidate_with_a_person_column_or_a_showing_hidden_row_is_refused(tmp_path: Path):
    path = tmp_path / "candidate.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE kpi_x AS SELECT 'k' AS subject_key")
        con.execute("CREATE TABLE kpi_y AS SELECT 'small_cell' AS suppressed_reason, 3 AS n_answered")
        con.execute("CREATE TABLE kpi_z AS SELECT 'small_cell' AS suppressed_reason, NULL::BIGINT AS n_answered")
        con.execute("CREATE TABLE kpi_part AS SELECT 'small_cell' AS suppressed_reason, 3 AS n_cancelled")
        con.execute("CREATE TABLE kpi_written AS SELECT 'x' AS reply_text, 1 AS n")
    assert set(person_free(path)) == {
        "personal_column:kpi_x",
        "personal_column:kpi_written",
        "hidden_row_shows:kpi_y",
        "hidden_row_shows:kpi_part",
    }


def test_open_data_needs_every_source_declared(home: Home, house: duckdb.DuckDBPyConnection):
    with pytest.raises(VoicehouseError, match="desk"):
        served(home, house, profile="open_data")
    assert not (home.serving / "kpi.duckdb").exists()


def test_a_verdict_on_what_is_served_stands_until_a_byte_or_a_rule_changes(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
):
    path = served(home, house).path
    asked: list[str] = []
    monkeypatch.setattr(audit, "published_failures", lambda given: asked.append(given.name) or [])
    monkeypatch.setattr(pipeline.serving, "person_free", lambda _: [])
    assert pipeline.recheck_served(home, "first") == [] and len(asked) == 1
    assert pipeline.recheck_served(home, "same") == [] and len(asked) == 1
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE kpi_values SET value = value + 1")
    assert pipeline.recheck_served(home, "changed") == [] and len(asked) == 2
    monkeypatch.setattr(verdict, "version", lambda _: "another great-expectations")
    assert pipeline.recheck_served(home, "other rules") == [] and len(asked) == 3
    monkeypatch.setattr(audit, "published_failures", lambda _: ["kpi_values:planned to fail"])
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE kpi_values SET value = value - 1")
    assert pipeline.recheck_served(home, "failing") == ["kpi_values:planned to fail"] and not path.exists()
    (incident,) = incidents.listed(home)
    assert (incident.begun["what"], incident.told) == ("withdrawn", "kpi_values:planned to fail")
    assert incident.removed == ["parquet", "team.duckdb", "kpi.duckdb"]
    line = AuditLog(home, Keyring(home)).newest("incident withdrawn")
    assert line and line["facts"]["incident"] == incident.number


def test_withdrawing_takes_everything_away_until_the_next_good_publication(
    home: Home, house: duckdb.DuckDBPyConnection
):
    served(home, house)
    assert withdraw(home, "C5") == ["parquet", "team.duckdb", "kpi.duckdb"]
    assert [p.name for p in home.serving.iterdir()] == ["withdrawn.json"]
    assert json.loads((home.serving / "withdrawn.json").read_text())["reason"] == "C5"
    served(home, house)
    assert not (home.serving / "withdrawn.json").exists()


@pytest.mark.parametrize("point", ["team.duckdb", "postgresql"])
def test_a_withdrawal_that_is_cut_short_is_told_and_the_next_run_ends_it(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, point: str
):
    monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", "host=127.0.0.1 port=9 user=owner connect_timeout=2")
    home.furnish(House(postgres={"schema": "voicehouse"}), anew=True)
    served(home, house)
    pipeline.mark_served(home)
    monkeypatch.setattr(audit, "published_failures", lambda _: ["kpi_values:planned to fail"])
    unlink = Path.unlink

    def die_at_team(path: Path, missing_ok: bool = False) -> None:
        died() if path.name == "team.duckdb" else unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if point == "postgresql":
            patch.setattr(publishing, "publish_served", died)
        else:
            patch.setattr(Path, "unlink", die_at_team)
        pipeline.recheck_served(home, "killed")
    notice = json.loads((home.serving / "withdrawn.json").read_text())
    assert "planned to fail" in notice["reason"]
    assert incidents.listed(home)[0].told == "kpi_values:planned to fail"
    assert not (home.root / "ops" / "served.json").exists() and postgres.is_due(home)
    pipeline.recheck_served(home, "next")
    assert [p.name for p in home.serving.iterdir()] == ["withdrawn.json"]
    assert len(incidents.listed(home)) == 1  # of the same figures
    served(home, house)
    pipeline.recheck_served(home, "later")
    assert len(incidents.listed(home)) == 2  # the control: of others


def test_figures_that_fail_go_though_nothing_can_be_written_down(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
):
    served(home, house)
    monkeypatch.setattr(audit, "published_failures", lambda _: ["kpi_values:planned to fail"])
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        for name in ("orchestration.serving.publish.write_durably", "orchestration.privacy.incidents.append_durably"):
            patch.setattr(name, full)
        pipeline.recheck_served(home, "full")
    assert list(home.serving.iterdir()) == []


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_readers_of_the_old_file_are_not_disturbed_and_open_files_are_not_swapped(tmp_path: Path):
    old, new = tmp_path / "kpi.duckdb", tmp_path / "draft.duckdb"
    for path, value in ((old, 1), (new, 2)):
        with duckdb.connect(str(path)) as con:
            con.execute(f"CREATE TABLE t AS SELECT {value} AS v")
    reader = duckdb.connect(str(old), read_only=True)
    swap(new, old, 0o640)
    assert reader.execute("SELECT v FROM t").fetchone() == (1,)
    reader.close()
    with duckdb.connect(str(old), read_only=True) as con:
        assert con.execute("SELECT v FROM t").fetchone() == (2,)
    new.write_bytes(b"x")
    new.with_name(new.name + ".wal").write_bytes(b"open")
    with pytest.raises(VoicehouseError, match="open for writing"):
        swap(new, old, 0o640)


def test_a_team_without_five_known_members_still_there_is_a_small_one() -> None:
    """Who objected is in no dimension any more: their team's figure would be theirs."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS wh; CREATE SCHEMA wh.core; CREATE SCHEMA wh.kpis")
    con.execute(
        "CREATE TABLE wh.kpis.kpi_values AS SELECT unnest(['desk', 'listed twice', 'left', 'moved', 'of cases alone', "
        "'leaves', 'unknown', NULL]) AS team"
    )
    con.execute(
        """
        CREATE TABLE wh.core.dim_agents AS
        SELECT 'desk' AS team, 'd' || i AS agent_key, 'directory' AS source, NULL::DATE AS left_on, true AS is_current
        FROM range(5) AS t(i)
        UNION ALL SELECT 'listed twice', source || i, source, NULL, true FROM range(3) AS t(i), (VALUES ('directory'), ('helpdesk')) AS s(source)
        UNION ALL SELECT 'left', 'l' || i, 'directory', if(i > 0, DATE '2026-07-20', NULL), true FROM range(5) AS t(i)
        UNION ALL SELECT 'leaves', 'v' || i, 'directory', DATE '2026-07-21', true FROM range(5) AS t(i)
        UNION ALL SELECT 'moved', 'm' || i, 'directory', NULL, i > 0 FROM range(5) AS t(i)
        """
    )
    small = ["left", "listed twice", "moved", "of cases alone"]
    assert publishing._small_teams(con, "wh", KNOWN_AT.date()) == small
    con.execute("DROP TABLE wh.core.dim_agents")
    assert publishing._small_teams(con, "wh", KNOWN_AT.date()) == sorted([*small, "desk", "leaves"])
    con.close()
