"""The command line: one command a file, a sentence and an exit code for every mistake, no home made by asking for help.

Keep out: what single commands do.
"""

import os
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from orchestration import commands, modelling, running
from orchestration.cli import main
from orchestration.errors import EXIT_CODES, HomeLockedError, KeyMissingError, VoicehouseError
from orchestration.home import Home, House
from tests.house import TestHouse


@pytest.fixture
def runner(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    return CliRunner()


def test_every_module_of_the_folder_is_a_command_and_helps(runner: CliRunner) -> None:
    listed = runner.invoke(main, ["--help"])
    assert listed.exit_code == 0
    for name in commands.names():
        assert f"\n  {name} " in listed.output
        told = runner.invoke(main, [name, "--help"])
        assert told.exit_code == 0 and "Usage:" in told.output, name


def test_an_unknown_command_is_used_wrongly(runner: CliRunner) -> None:
    assert runner.invoke(main, ["no-such-command"]).exit_code == 2


@pytest.mark.parametrize("error", [VoicehouseError, HomeLockedError, KeyMissingError])
def test_an_error_of_ours_ends_in_a_sentence_and_its_code(
    runner: CliRunner, error: type[VoicehouseError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error("what to do")

    monkeypatch.setattr("orchestration.lake.quarantine.batches", fail)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == error.exit_code and error.exit_code in EXIT_CODES
    assert done.stderr == "voicehouse: what to do\n" and "Traceback" not in done.output


def test_a_foreign_error_is_told_without_its_text(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("could not read 'planted.person@example.org'")

    monkeypatch.setattr("orchestration.lake.quarantine.batches", fail)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == 1 and "ValueError at quarantine.py:" in done.stderr
    assert "planted" not in done.output and "Traceback" not in done.output


def test_an_interruption_is_told_without_a_traceback(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestration.lake.quarantine.batches", interrupt)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == 130 and "interrupted" in done.stderr


def test_a_zone_that_does_not_exist_makes_no_home(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "new"))
    done = CliRunner().invoke(main, ["init", "--reporting-tz", "Mars/Olympus"])
    assert done.exit_code == 2 and "Mars/Olympus" in done.stderr
    assert not (tmp_path / "new").exists()


def test_packing_the_lake_leaves_an_audit_line_and_every_row(runner: CliRunner, house: TestHouse) -> None:
    from orchestration.privacy.audit_log import AuditLog
    from tests.house import write_source

    write_source(
        house.sources,
        "desk",
        {"case": "select _record, raw ->> '$.id' as case_id, '2025-01-01' as opened_at from rows"},
    )
    for n in (1, 2):
        house.drop(f"rows_{n}.jsonl", f'{{"id": "{n}"}}\n')
        house.take("desk")
    assert "2 files" in runner.invoke(main, ["lake", "compact", "--dry-run"]).stdout
    done = runner.invoke(main, ["lake", "compact"])
    assert done.exit_code == 0 and "packed 2 files into 1" in done.stdout
    assert house.rows('select count(*) from lake."case"') == [(2,)]
    (line,) = [x for x in AuditLog(house.home, house.keyring).lines() if x["action"] == "compaction"]
    assert (line["facts"]["files_before"], line["facts"]["files_after"]) == (2, 1)
    assert "nothing to pack" in runner.invoke(main, ["lake", "compact"]).stdout


def test_the_sample_company_does_not_move_into_a_home_with_sources_of_its_own(runner: CliRunner) -> None:
    done = runner.invoke(main, ["run", "--sample"])
    assert done.exit_code == 1 and "sources of its own" in done.stderr


def test_the_models_are_parsed_before_dagster_starts(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of Dagster's processes loads the graph, and waits for only so long: a fresh home has no manifest yet."""
    started: list[str] = []
    monkeypatch.setattr(modelling, "run", lambda home, arguments, env: started.append(f"dbt {arguments[0]}"))
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append(" ".join(arguments[:2])))
    monkeypatch.setattr(os, "chdir", lambda path: None)
    assert runner.invoke(main, ["ui"]).exit_code == 0
    assert started == ["dbt parse", "dagster dev"]


def test_why_a_run_failed_is_told_even_beside_a_served_file_of_another_release(
    runner: CliRunner, house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(house.home.serving / "kpi.duckdb")) as con:
        con.execute("create table publication as select 'internal' as profile")
    failed = running.Outcome(success=False, nothing_new=False, reason="the disk is full: free space, then run again")
    monkeypatch.setattr(running, "execute", lambda *_, **__: failed)
    done = runner.invoke(main, ["run"])
    assert done.exit_code == 1 and "the disk is full" in done.stderr.splitlines()[-1]


def test_init_on_a_home_that_is_there_keeps_what_it_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "home"))
    made = CliRunner().invoke(
        main, ["init", "--inbox", "drop", "--profile", "external", "--reporting-tz", "Asia/Tokyo"]
    )
    assert made.exit_code == 0 and "master.key" in made.stdout and "Losing them" in made.stderr
    path = tmp_path / "home" / "house.toml"
    path.write_text(
        path.read_text().replace("wait_for_sign_off = false", "wait_for_sign_off = true")
        + 'schema = "kpis"\nhost = "db.internal"\n# a remark of ours\n'
    )
    before = path.read_bytes()
    bare = CliRunner().invoke(main, ["init"])
    assert bare.exit_code == 0 and "unchanged" in bare.stdout and "Losing" not in bare.output
    same = CliRunner().invoke(main, ["init", "--profile", "external"])
    assert same.exit_code == 0 and path.read_bytes() == before
    monkeypatch.setenv("VOICEHOUSE_SOURCES", str(tmp_path))  # goes first while it is set, and is not written down
    assert CliRunner().invoke(main, ["init", "--profile", "internal"]).exit_code == 0
    found = Home.open().told
    assert found == House((), "drop", "Asia/Tokyo", "internal", {}, {"schema": "kpis", "host": "db.internal"}, True)


@pytest.mark.parametrize("command", [["audit", "verify"], ["keys", "list"]])
def test_whatever_makes_a_master_key_says_what_losing_it_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "home"))
    told = [CliRunner().invoke(main, command).stderr for _ in range(2)]
    assert (tmp_path / "home" / "keys" / "master.key").exists()
    assert ["Losing them" in words for words in told] == [True, False]
