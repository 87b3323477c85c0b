"""The graph Dagster shows: every step of every source and kind, when runs start, and what it costs to load.

Keep out: whole runs (tests/sample_company, tests/faults).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration import modelling, pipeline
from orchestration.defs.jobs import daily, inbox, watch
from orchestration.defs.load.assets import defs as load_step
from orchestration.defs.resources import HouseResource
from orchestration.records import KINDS
from orchestration.sources.contract import Window, read_settings
from tests.house import TestHouse, write_source

ROOT = Path(__file__).parents[2]
GROUPS = {"extract", "guard", "load", "model", "quality", "serve"}
CPU_SECONDS = 8.0
CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at from rows"
CONSENT = "select _record, raw ->> '$.id' as consent_id, raw ->> '$.at' as given_at from rows"

LOOK = """
import json, resource
from orchestration.definitions import defs
found = defs() if callable(defs) else defs
repository = found.get_repository_def()
used = resource.getrusage(resource.RUSAGE_SELF)
repository.load_all_definitions()  # as a code location does, which minds names that stand twice
nodes = [n for n in repository.asset_graph.asset_nodes if n.is_materializable]
print(json.dumps({
    "cpu": used.ru_utime + used.ru_stime,
    "groups": {n.key.to_user_string(): n.group_name for n in nodes},
    "every_group": sorted({n.group_name for n in repository.asset_graph.asset_nodes}),
    "parents": {n.key.to_user_string(): sorted(p.to_user_string() for p in n.parent_keys) for n in nodes},
    "checks": sorted(k.to_user_string() for k in repository.asset_graph.asset_check_keys),
    "jobs": sorted(j for j in repository.job_names if not j.startswith("__")),
    "schedules": sorted(s.name for s in repository.schedule_defs),
    "sensors": sorted(s.name for s in repository.sensor_defs),
}))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestHouse]:
    """A home with two sources and dbt's manifest prepared."""
    made = TestHouse(tmp_path_factory.mktemp("dagster"))
    write_source(made.sources, "desk", {"case": CASE})
    write_source(made.sources, "register", {"consent": CONSENT})
    modelling.manifest(made.home)
    yield made


@pytest.fixture(scope="module")
def graph(house: TestHouse) -> dict[str, Any]:
    """What a fresh process finds when it loads the definitions, and its processor time until then."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VOICEHOUSE_", "DAGSTER_HOME"))}
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**environment, "VOICEHOUSE_HOME": str(house.home.root), "PYTHONPATH": str(ROOT)},
        cwd=house.home.root.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_source_kind_model_and_step_is_an_asset(house: TestHouse, graph: dict[str, Any]) -> None:
    sources = pipeline.sources(house.home)
    assert {"desk", "register"} <= set(sources)
    expected = {f"{step}/{name}" for step in ("extract", "guard") for name in sources}
    expected |= {f"lake/{kind}" for kind in (*KINDS, "_ledger", "_sources", "_subjects", "_checks")}
    expected |= {f"kpis/{mart}" for mart in modelling.marts(house.home)}
    expected |= {"quality/served", "quality/exact_marts", "serve/kpi", "serve/report", "serve/verdict"}
    assert expected <= set(graph["groups"])
    assert {k for k in graph["groups"] if k.split("/")[0] in ("extract", "guard", "lake", "quality", "serve")} == {
        k for k in expected if not k.startswith("kpis/")
    }


def test_groups_are_the_steps_of_the_flow(graph: dict[str, Any]) -> None:
    assert set(graph["every_group"]) == set(graph["groups"].values()) == GROUPS
    for key, step in (("extract/desk", "extract"), ("lake/case", "load"), ("kpis/kpi_values", "model")):
        assert graph["groups"][key] == step


def test_steps_wait_for_what_they_read(graph: dict[str, Any]) -> None:
    parents = graph["parents"]
    assert parents["guard/desk"] == ["extract/desk", "guard/register"]  # consents are known before cases are judged
    assert parents["lake/case"] == ["guard/desk"]
    assert "quality/served" in parents["lake/_checks"]
    assert "kpis/kpi_values" in parents["quality/exact_marts"]
    assert parents["serve/kpi"] == ["quality/exact_marts"]
    assert parents["serve/verdict"] == ["serve/report"]


def test_steps_carry_their_checks(graph: dict[str, Any]) -> None:
    for asset, check in (
        ("extract/desk", "source_answered"),
        ("guard/desk", "contract_held"),
        ("lake/case", "expectations"),
        ("quality/served", "served_privacy"),
        ("quality/exact_marts", "expectations"),
        ("serve/kpi", "candidate"),
    ):
        assert any(asset in c and check in c for c in graph["checks"]), (asset, check)


def test_one_job_one_schedule_two_sensors_off_until_turned_on(graph: dict[str, Any]) -> None:
    operations = [
        "incident_close",
        "incident_export",
        "incident_open",
        "incident_scope",
        "keys_rotate",
        "privacy_canary",
        "privacy_dpia",
        "privacy_report",
        "privacy_sign_off",
        "reidentify",
        "retention_run",
        "rows_export",
        "subject_close",
        "subject_find",
        "subject_register",
        "subject_request",
        "vault_reinit",
    ]
    assert graph["jobs"] == [*operations, "voicehouse", "worklist"]
    assert (graph["schedules"], graph["sensors"]) == (["daily"], ["inbox", "watch"])
    assert daily.default_status is dg.DefaultScheduleStatus.STOPPED
    assert {s.default_status for s in (inbox, watch)} == {dg.DefaultSensorStatus.STOPPED}


def test_definitions_load_in_seconds_once_the_manifest_is_there(graph: dict[str, Any]) -> None:
    assert graph["cpu"] < CPU_SECONDS


def test_a_check_of_a_kind_tells_every_expectation_over_its_batches_and_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VOICEHOUSE_SOURCES", "VOICEHOUSE_INBOX"):
        monkeypatch.delenv(name, raising=False)
    house = TestHouse(tmp_path)
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    sql = CASE.replace(" from rows", ", raw ->> '$.closed' as closed_at from ")
    settings = [read_settings(write_source(house.sources, n, {"case": sql + n}, n)) for n in ("desk", "shop")]

    def results(desk: int, shop: int, closed: str) -> tuple[dg.AssetCheckEvaluation, list[Any], list[Any]]:
        """The check of cases after one load of so many cases from each source; tables by expectation, of failures."""
        for made, n in zip(settings, (desk, shop), strict=True):
            cases = ({"id": f"planted {n} {i}", "at": "2025-01-02T03:04:05Z", "closed": closed} for i in range(n))
            house.drop(f"{made.name}_{n}.jsonl", "".join(json.dumps(c) + "\n" for c in cases))
            pipeline.extract(house.home, house.keyring, made, Window(), "test")
            pipeline.guard_source(house.home, house.keyring, made, "test")
        done = dg.materialize([*load_step().assets], resources={"house": HouseResource()})
        every = {c.asset_key.path[-1]: c for c in done.get_asset_check_evaluations()}
        assert set(every) == set(KINDS) and all("expectations" in c.metadata for c in every.values())
        found = every["case"]
        assert "planted" not in f"{found.metadata}"
        tables = [[r.data for r in found.metadata[t].value.records] for t in ("expectations", "failures")]
        return found, *tables

    check, by_expectation, failures = results(2, 3, closed="2025-01-03T00:00:00Z")
    assert check.passed and failures == []
    in_order = next(r for r in by_expectation if "closed_at" in r["check"] and "opened_at" in r["check"])
    assert in_order == {**in_order, "batches": 2, "batches_failed": 0, "rows": 5, "rows_failed": 0}
    check, by_expectation, failures = results(30, 4, closed="2025-01-01T00:00:00Z")
    assert not check.passed
    (broken,) = [r for r in by_expectation if r["batches_failed"]]
    assert broken == {**in_order, "batches_failed": 2, "rows": 34, "rows_failed": 34}
    assert [(r["source"], r["check"], r["rows"], r["rows_failed"], r["blocking"]) for r in failures] == [
        ("desk", in_order["check"], 30, 30, "yes"),
        ("shop", in_order["check"], 4, 4, "no"),  # of so few rows a share says little
    ]


def test_the_sensor_asks_for_one_run_per_change(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VOICEHOUSE_SOURCES", "VOICEHOUSE_INBOX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    cursor: str | None = None

    def look() -> list[Any]:
        nonlocal cursor
        context = dg.build_sensor_context(cursor=cursor)
        found = inbox(context)
        told = list(found) if isinstance(found, Iterator) else [found]
        cursor = context.cursor
        return told

    (empty,) = look()
    assert isinstance(empty, dg.SkipReason)
    house.drop("rows of planted.person@example.org.jsonl", '{"id": "1"}\n')
    (first,) = look()
    assert isinstance(first, dg.RunRequest) and first.run_key and "planted" not in f"{first.run_key}{cursor}"
    (same,) = look()
    assert isinstance(same, dg.SkipReason)
    house.drop("rows of planted.person@example.org.jsonl", '{"id": "1"}\n{"id": "2"}\n')
    (changed,) = look()
    assert isinstance(changed, dg.RunRequest) and changed.run_key != first.run_key
    (house.inbox / "done").mkdir()
    house.drop("done/rows.jsonl", "moved there by a run")
    (moved,) = look()
    assert isinstance(moved, dg.SkipReason)
    (house.inbox / "done" / "rows.jsonl").unlink()
    (house.inbox / "rows of planted.person@example.org.jsonl").unlink()
    (gone,) = look()
    assert isinstance(gone, dg.SkipReason)
