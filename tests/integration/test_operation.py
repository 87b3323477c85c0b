"""What Dagster does when it gets hard: it asks a busy source again, loses no failure, and writes nobody's data down.

Keep out: whole runs (tests/faults, tests/sample_company).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration import alerts, logs, modelling, pipeline, watch
from orchestration.defs.extract.assets import _asset as extract_asset
from orchestration.defs.guard.assets import _asset as guard_asset
from orchestration.defs.jobs import inbox as looking
from orchestration.defs.jobs import watch as watching
from orchestration.defs.load.assets import defs as load_defs
from orchestration.defs.model.assets import Dbt
from orchestration.defs.model.assets import defs as model_defs
from orchestration.defs.quality.assets import defs as quality_defs
from orchestration.defs.quality.assets import served
from orchestration.defs.resources import HouseResource
from orchestration.defs.serve import assets as serve
from orchestration.errors import VoicehouseError
from tests.house import TestHouse, write_source
from tests.receivers import Webhook, running

PLANTED = ("planted.person@example.org", "13700001234")
CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at from rows"
BUSY = '''"""A source that is busy `FAILURES` times."""

from pathlib import Path

from orchestration.errors import {error}
from orchestration.sources.contract import Page

FAILURES = {failures}


def pages(settings, state, window):
    count = Path(__file__).with_name("asked")
    asked = int(count.read_text()) if count.exists() else 0
    count.write_text(str(asked + 1))
    state["since"] = "kept"
    if asked < FAILURES:
        raise {error}("busy: the server answers 503")
    records = [{{"id": "1", "at": "2025-01-01T00:00:00Z"}}, {{"id": "2", "at": "2025-02-01T00:00:00Z"}}]
    wanted = [r for r in records if window.since is None or r["at"] >= window.since.isoformat()]
    wanted = [r for r in wanted if window.until is None or r["at"] < window.until.isoformat()]
    new = [r for r in wanted if window.is_backfill or r["at"] > state.get("newest", "")]
    state["newest"] = max([state.get("newest", "")] + [r["at"] for r in new])
    if new:
        yield Page("rows", new)
'''


@pytest.fixture
def home(house: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TestHouse:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    return house


def busy(house: TestHouse, failures: int, error: str = "TransientSourceError") -> Path:
    folder = write_source(house.sources, "busy", {"case": CASE})
    text = (folder / "source.toml").read_text().replace('files = "rows*"\n', "").replace("columns = []\n", "")
    (folder / "source.toml").write_text("expected_every_hours = 24\n" + text)
    (folder / "extract.py").write_text(BUSY.format(failures=failures, error=error))
    return folder


def ask(house: TestHouse, **config: Any) -> dg.ExecuteInProcessResult:
    settings = pipeline.sources(house.home)["busy"]
    return dg.materialize(
        [extract_asset(settings)],
        resources={"house": HouseResource()},
        run_config={"ops": {"extract__busy": {"config": {"retry_seconds": 0.01, **config}}}},
        raise_on_error=False,
    )


def asked(folder: Path) -> int:
    return int((folder / "asked").read_text())


def answered(result: dg.ExecuteInProcessResult) -> bool:
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "source_answered"]
    return check.passed


def test_a_busy_source_is_asked_again_until_it_answers_and_leaves_no_failure(home: TestHouse) -> None:
    folder = busy(home, failures=2)
    result = ask(home)
    assert result.success and answered(result) and asked(folder) == 3
    assert [(r["status"], r["reasons"]) for r in pipeline.run_history(home.home)] == [("partial", {})]
    assert watch.died(home.home) == []  # one step was asked for, and it ended


def test_a_source_that_stays_busy_is_an_outcome_and_the_run_goes_on(home: TestHouse) -> None:
    folder = busy(home, failures=9)
    result = ask(home, retries=2)
    assert result.success and not answered(result) and asked(folder) == 3
    (told,) = pipeline.run_history(home.home)
    assert told["status"] == "failed" and "503" in told["reasons"]["busy"]


def test_what_a_run_writes_is_closed_whoever_started_it(home: TestHouse) -> None:
    import stat

    busy(home, failures=0)
    before = os.umask(0o022)  # as in a container
    try:
        ask(home)
        pages = [p for p in (home.home.root / "landing").rglob("*") if p.is_file()]
        history = home.home.root / "ops" / "runs.jsonl"
        assert pages and {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in [*pages, history]} == {0}
    finally:
        os.umask(before)


def test_a_source_that_refuses_is_not_asked_again(home: TestHouse) -> None:
    folder = busy(home, failures=9, error="SourceError")
    assert not answered(ask(home)) and asked(folder) == 1


def test_a_backfill_brings_its_stretch_and_leaves_the_cursor_where_it_was(home: TestHouse) -> None:
    busy(home, failures=0)
    assert ask(home).success and ask(home).success
    assert len(pipeline.pages.loads(home.home, "busy")) == 1  # the second time nothing was new
    result = ask(home, since="2025-01-15")
    assert result.success and len(pipeline.pages.loads(home.home, "busy")) == 2
    pipeline.guard_source(home.home, home.keyring, pipeline.sources(home.home)["busy"], "r")
    pipeline.load_staged(home.home, home.keyring)
    ledger = home.ledger()
    assert ledger[("case", "promoted", "")] == 2 and ledger[("case", "duplicate", "")] == 1
    ask(home)
    assert len(pipeline.pages.loads(home.home, "busy")) == 2  # today's increment finds its cursor unmoved


def test_a_backfill_ends_where_its_run_config_says(home: TestHouse) -> None:
    busy(home, failures=0)
    assert ask(home, since="2024-12-01", until="2025-01-15").success
    pipeline.guard_source(home.home, home.keyring, pipeline.sources(home.home)["busy"], "r")
    pipeline.load_staged(home.home, home.keyring)
    assert home.rows('select count(*) from lake."case"') == [(1,)]


def test_a_backfill_beside_todays_run_waits_and_both_are_loaded(home: TestHouse) -> None:
    """Two runs at once on one home: one waits for the other's lock; neither loses or doubles a row."""
    import subprocess
    import sys

    busy(home, failures=0)
    code = (
        "import sys, dagster as dg\n"
        "from orchestration import pipeline\nfrom orchestration.home import Home\n"
        "from orchestration.defs.extract.assets import _asset\nfrom orchestration.defs.guard.assets import _asset as guard\n"
        "from orchestration.defs.resources import HouseResource\n"
        "s = pipeline.sources(Home.open())['busy']\n"
        "config = {'since': sys.argv[1]} if len(sys.argv) > 1 else {}\n"
        "done = dg.materialize([_asset(s), guard(s, [])], resources={'house': HouseResource()},\n"
        "    run_config={'ops': {'extract__busy': {'config': config}}})\n"
        "sys.exit(0 if done.success else 1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    both = [
        subprocess.Popen([sys.executable, "-c", code, *a], env=environment, stderr=subprocess.DEVNULL)
        for a in ([], ["2025-01-15"])
    ]
    assert [p.wait(timeout=300) for p in both] == [0, 0]
    pipeline.load_staged(home.home, home.keyring)
    assert home.ledger()[("case", "promoted", "")] == 2
    assert pipeline.ledger_faults(home.home, home.keyring) == []


@pytest.mark.parametrize("given", ["yesterday", "2025-13-01"])
def test_a_time_that_is_none_is_named(given: str) -> None:
    with pytest.raises(VoicehouseError, match="since is no ISO 8601 time"):
        pipeline.instant(given, "since")


def test_a_source_with_a_cadence_has_a_freshness_policy_and_a_check(
    home: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(home, failures=0)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T00:00:00Z")
    (spec,) = extract_asset(pipeline.sources(home.home)["busy"]).specs
    assert spec.freshness_policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=24))

    def fresh(result: dg.ExecuteInProcessResult) -> bool:
        (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "source_fresh"]
        return check.passed

    assert fresh(ask(home))
    pipeline.guard_source(home.home, home.keyring, pipeline.sources(home.home)["busy"], "r")
    pipeline.load_staged(home.home, home.keyring)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-05T00:00:00Z")
    assert not fresh(ask(home)) and watch.status(home.home)["stale_sources"] == ["busy"]


def test_the_watch_tells_between_runs_and_starts_nothing(home: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "send", lambda home: ["one", "two"])
    told = watching(dg.build_sensor_context())
    assert isinstance(told, dg.SkipReason) and "2" in str(told.skip_message)


def test_a_run_with_nothing_new_ends_whoever_started_it_and_tells_what_is_stale(
    home: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.Outcomes(home.home, "killed").begin()  # what a killed run leaves
    told: list[bool] = []
    monkeypatch.setattr(pipeline, "is_served", lambda *_: True)
    monkeypatch.setattr(alerts, "send", lambda _: told.append(True) or [])
    result = dg.materialize([_model()], resources={"house": HouseResource(), "dbt": dbt(modelling.PROJECT)})
    assert result.success and told == [True] and watch.died(home.home) == []
    found = [(r["run_id"], r["status"]) for r in pipeline.run_history(home.home)]
    assert found == [("killed", "died"), (result.run_id, "nothing_new")]


@pytest.fixture
def receiver(home: TestHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    home.home.furnish(replace(home.home.house, alerts={"webhook": True}), anew=True)
    with running(Webhook()) as found:
        monkeypatch.setenv("VOICEHOUSE_ALERT_WEBHOOK", found.address)
        yield found


@pytest.mark.parametrize("name", ["voicehouse", "__ASSET_JOB"])
def test_a_run_that_fails_under_dagster_is_told_once(
    home: TestHouse, receiver: Webhook, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The daily job as well as assets that somebody chose on Dagster's page."""

    def fail(*_: object) -> None:
        raise VoicehouseError("a step broke off")

    monkeypatch.setattr(pipeline, "load_staged", fail)
    every = next(iter(load_defs.load_fn().assets))
    jobs = [dg.define_asset_job("voicehouse", dg.AssetSelection.all())]
    found = dg.Definitions(assets=[every], jobs=jobs, resources={"house": HouseResource()})
    result = found.resolve_job_def(name).execute_in_process(raise_on_error=False)
    (run,) = pipeline.run_history(home.home)
    assert (run["run_id"], run["status"], run["failed_step"]) == (result.run_id, "failed", "load")
    assert run["reason"] == "a step broke off" and watch.died(home.home) == []
    (posted,) = receiver.got
    assert result.run_id[:8] in posted["text"] and alerts.send(home.home) == []


def test_some_steps_of_the_daily_job_alone_end_without_a_verdict(home: TestHouse) -> None:
    busy(home, failures=0)
    chosen = extract_asset(pipeline.sources(home.home)["busy"])
    jobs = [dg.define_asset_job("voicehouse", dg.AssetSelection.all())]
    found = dg.Definitions(assets=[chosen, serve.verdict], jobs=jobs, resources={"house": HouseResource()})
    result = found.resolve_job_def("voicehouse").execute_in_process(asset_selection=[chosen.key])
    assert result.success and [r["status"] for r in pipeline.run_history(home.home)] == ["partial"]


@pytest.mark.parametrize(("ends", "told"), [(dg.DagsterExecutionInterruptedError, "died"), (ValueError, "failed")])
def test_a_run_ended_from_outside_did_not_fail(
    home: TestHouse, monkeypatch: pytest.MonkeyPatch, ends: type[BaseException], told: str
) -> None:
    def end(*_: object) -> None:
        raise ends

    monkeypatch.setattr(pipeline, "load_staged", end)
    every = next(iter(load_defs.load_fn().assets))
    result = dg.materialize([every], resources={"house": HouseResource()}, raise_on_error=False)
    with home.home.writing("the next run"):
        pipeline.conclude_died(home.home, "next")
    assert [(r["run_id"], r["status"]) for r in pipeline.run_history(home.home)] == [(result.run_id, told)]


def _model() -> dg.AssetsDefinition:
    return next(a for a in model_defs.load_fn().assets if isinstance(a, dg.AssetsDefinition))


BROKEN = {
    "begin": ("orchestration.defs.resources.conclude_died", lambda s: extract_asset(s)),
    "extract of nothing": ("orchestration.watch.freshness", lambda s: extract_asset(s)),
    "end": ("orchestration.pipeline.Outcomes.conclude", lambda s: extract_asset(s)),
    "extract": ("orchestration.pipeline.extract_pages", lambda s: extract_asset(s)),
    "guard": ("orchestration.pipeline.guard", lambda s: guard_asset(s, [])),
    "model": ("orchestration.modelling.building", lambda s: _model()),
    "quality": ("orchestration.pipeline.audit_exact_marts", lambda s: list(quality_defs.load_fn().assets)[-1]),
    "load": ("orchestration.pipeline.load_staged", lambda s: next(iter(load_defs.load_fn().assets))),
    "load of a batch": ("orchestration.lake.audit.audit_batch", lambda s: next(iter(load_defs.load_fn().assets))),
    "recheck": ("orchestration.pipeline.recheck_served", lambda s: served),
    "publish": ("orchestration.pipeline.publish", lambda s: serve.kpi),
    "report": ("orchestration.serving.report.write_report", lambda s: serve.report),
    "verdict": ("orchestration.pipeline.conclude", lambda s: serve.verdict),
}


def dbt(project: Path) -> Dbt:
    return Dbt(project_dir=str(project), profiles_dir=str(project), dbt_executable=modelling.executable())


@pytest.mark.parametrize("step", BROKEN)
def test_a_foreign_error_in_any_step_leaves_its_words_behind(
    home: TestHouse, step: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a library says, with somebody's data in it: Dagster's history, logs and terminal name only the place."""
    folder = write_source(home.sources, "busy", {"case": CASE})
    (folder / "source.toml").write_text("expected_every_hours = 24\n" + (folder / "source.toml").read_text())
    if step != "extract of nothing":
        home.drop("rows_1.jsonl", json.dumps({"id": "1", "at": "2025-01-01T00:00:00Z"}) + "\n")
    settings = pipeline.sources(home.home)["busy"]
    if step in ("guard", "load of a batch"):
        pipeline.extract(home.home, home.keyring, settings, pipeline.Window(), "before")
    loads = [load.load_id for load in pipeline.pages.loads(home.home, "busy")]
    if step == "load of a batch":
        pipeline.guard_source(home.home, home.keyring, settings, "before")
    where, make = BROKEN[step]

    def fail(*_: object, **__: object) -> None:
        try:
            raise KeyError(PLANTED[1])
        except KeyError as error:
            raise ValueError(f"could not read '{PLANTED[0]}'") from error

    asset = make(settings)
    monkeypatch.setenv("VOICEHOUSE_LOG", "json")
    logs.configure()
    monkeypatch.setattr(where, fail)
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        resources = {"house": HouseResource(), "dbt": dbt(modelling.PROJECT)}
        result = dg.materialize([asset], resources=resources, instance=instance, raise_on_error=False)
        told = "\n".join(str(e) for e in instance.all_logs(result.run_id))
    monkeypatch.delenv("VOICEHOUSE_LOG")
    logs.configure()
    terminal = capfd.readouterr()
    assert result.success == (step == "end") and "ValueError at" in told
    # What a library draws on the terminal may stand before an event, on its line.
    events = [line[line.index('{"at"') :] for line in terminal.err.splitlines() if '{"at"' in line]
    failed = [told for told in map(json.loads, events) if told["event"].endswith(".failed")]
    assert [failed[0]["load"]] == loads if loads else "load" not in failed[0]
    step = step.split()[0]
    assert {(f["run"], f["error"]) for f in failed} == {(result.run_id, "ValueError")}, terminal.err
    # What cannot be done at all cannot be done at the end either: the run's alarm and its page.
    assert failed[0]["event"] == f"{step}.failed" and {f["event"] for f in failed[1:]} <= {"end.failed"}, terminal.err
    if loads or step in ("extract", "guard"):
        assert failed[0]["source"] == "busy"
    stored = b"".join(p.read_bytes() for p in (tmp_path / "dagster").rglob("*") if p.is_file())
    for value in PLANTED:
        assert value not in told + terminal.out + terminal.err and value.encode() not in stored


def test_what_the_engine_says_in_a_model_stays_in_dbts_own_log(
    home: TestHouse, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """dbt repeats the engine's words, and the engine quotes values: told is which models failed, and where to look."""
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(
        "name: voicehouse\nprofile: small\nmodels: {voicehouse: {+materialized: table}}\n"
    )
    profile = "small: {target: here, outputs: {here: {type: duckdb, path: ':memory:'}}}\n"
    (project / "profiles.yml").write_text(profile)
    value = " ".join(PLANTED)
    (project / "models" / "fct_cases.sql").write_text(f"select cast('{value}' as integer) as n")
    asset = _model()
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        resources = {"house": HouseResource(), "dbt": dbt(project)}
        result = dg.materialize([asset], resources=resources, instance=instance, raise_on_error=False)
        told = "\n".join(str(e) for e in instance.all_logs(result.run_id))
    assert not result.success
    assert "dbt build failed at fct_cases (the whole log: dbt/target/dbt.log in the home)" in told
    assert value in (home.home.root / "dbt" / "target" / "dbt.log").read_text()  # the control
    terminal = capfd.readouterr()
    stored = b"".join(p.read_bytes() for p in (tmp_path / "dagster").rglob("*") if p.is_file())
    for planted in PLANTED:
        assert planted not in told + terminal.out + terminal.err and planted.encode() not in stored


def test_what_is_told_of_a_load_carries_its_id(
    home: TestHouse, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_source(home.sources, "busy", {"case": CASE})
    home.drop("rows_1.jsonl", json.dumps({"id": "1", "at": "2025-01-01T00:00:00Z"}) + "\n")
    monkeypatch.setenv("VOICEHOUSE_LOG", "json")
    logs.configure()
    home.take()
    monkeypatch.delenv("VOICEHOUSE_LOG")
    logs.configure()
    events = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith('{"at"')]
    (load,) = pipeline.pages.loads(home.home, "busy")
    told = {e["event"]: e["load"] for e in events if "load" in e}
    assert told.items() >= dict.fromkeys(("extract.asked", "guard.passed", "load.committed"), load.load_id).items()


def test_the_watch_that_fails_says_only_where(home: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ValueError(f"could not read '{PLANTED[0]}'")

    monkeypatch.setattr(alerts, "send", fail)
    with pytest.raises(VoicehouseError, match=r"^watch: ValueError at jobs.py:\d+$") as told:
        watching(dg.build_sensor_context())
    assert told.value.__suppress_context__


def test_a_sensor_that_cannot_look_names_no_file(home: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop(f"{PLANTED[0]}.jsonl", "{}")

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(VoicehouseError, match=r"^inbox: PermissionError at files.py:\d+$") as told:
        list(looking(dg.build_sensor_context()))
    assert PLANTED[0] not in str(told.value) and told.value.__suppress_context__
