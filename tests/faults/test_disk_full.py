"""A disk that fills up in the middle of each step: said in those words, nothing torn, and the next run makes it good.

Keep out: deaths (test_kill.py) and power cuts (test_power_cut.py). The disk is filled by a limit on the size of files.
"""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration import home as home_module
from orchestration import modelling, pipeline, watch
from orchestration.cli import main
from orchestration.errors import VoicehouseError
from orchestration.lake import audit, promote, stage
from orchestration.logs import Step
from orchestration.privacy import guard as guard_module
from orchestration.privacy import incidents
from orchestration.serving import publish as publishing
from orchestration.serving import report
from orchestration.serving.history import History
from tests import same_content
from tests.faults.child import refused
from tests.faults.test_kill import PLANTED, Undisturbed, content, furnish, orphans
from tests.faults.test_late_data import served
from tests.faults.traces import found_under
from tests.house import TestHouse
from tests.same_content import differences

# How much of the vault still fits: nothing; its log, but no block of the file itself.
VAULT = {"vault": 1000, "vault_checkpoint": 100_000}
POINTS = ("extracting", "normalizing", "loading", *VAULT, "staging", "manifest", "promoting", "quarantining")


@contextmanager
def full_disk(limit: int = 1000) -> Iterator[None]:
    """No file of this process may grow beyond `limit` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def filling(step: Callable[..., Any], limit: int = 1000) -> Callable[..., Any]:
    """The step on a disk that is full."""

    def filled(*args: Any, **kwargs: Any) -> Any:
        with full_disk(limit):
            return step(*args, **kwargs)

    return filled


def fill(point: str, patch: pytest.MonkeyPatch) -> None:
    """Let the disk be full in one step."""
    from dlt.pipeline.pipeline import Pipeline

    if point in VAULT:
        open_vault = guard_module.open_vault

        @contextmanager
        def opened(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with full_disk(VAULT[point]), open_vault(*args, **kwargs) as generation:
                yield generation

        patch.setattr(guard_module, "open_vault", opened)
        return
    if point == "quarantining":
        patch.setattr(audit, "audit_batch", refused)
    owner, name = {
        "extracting": (Pipeline, "extract"),
        "normalizing": (Pipeline, "normalize"),
        "loading": (Pipeline, "load"),
        "staging": (stage, "write_part"),
        "manifest": (stage, "finish"),
        "promoting": (promote, "promote"),
        "quarantining": (promote, "promote"),
    }[point]
    patch.setattr(owner, name, filling(getattr(owner, name)))


@pytest.mark.parametrize("point", POINTS)
def test_a_full_disk_is_named_and_the_next_run_makes_it_good(
    emptied_house: TestHouse, undisturbed: dict[str, Undisturbed], point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = emptied_house
    furnish(house, "first")
    told = ""
    with monkeypatch.context() as patch:
        fill(point, patch)
        try:
            with Step("take", "test"):
                house.take()
        except VoicehouseError as error:
            told = str(error)
    failures = pipeline.Outcomes(house.home, "test").failures
    told = told or failures["desk"]["reason"]
    assert "disk is full" in told and "free space, then run again" in told, told
    assert not [p for p in PLANTED if p in told]
    assert found_under([house.home.root], PLANTED) == set()
    house.take()
    assert differences(content(house), undisturbed["first"].rows) == {}
    assert house.ledger() == undisturbed["first"].ledger
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    assert orphans(house) == []
    house.build()
    assert differences(same_content.marts(house.home, house.keyring), undisturbed["first"].marts) == {}


# What is written when figures are served, in its order, and how much of a file still fits.
SERVING = {
    "candidate": (publishing, "_write_out", 100_000),
    "history": (History, "prepare", 1000),
    "parquet": (publishing, "_write_parquet", 1000),
    "restricted": (publishing, "_write_team", 20_000),
    "privacy_report": (pipeline, "report_privacy", 1000),
    "report": (report, "write_durably", 1000),
}


def copied(house: TestHouse, root: Path) -> TestHouse:
    """The same home at another place."""
    shutil.copytree(house.home.root.parent, root, dirs_exist_ok=True, symlinks=True)
    return TestHouse(root)


def serve(house: TestHouse) -> None:
    """Publish, write the report, end the run."""
    pipeline.Outcomes(house.home, "test").begin()
    assert pipeline.publish(house.home, house.keyring, "test").is_served
    report.write_report(house.home)
    assert pipeline.conclude(house.home, "test") == []


@pytest.fixture(scope="module")
def published(undisturbed: dict[str, Undisturbed], tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """A home whose figures are served."""
    house = copied(undisturbed["first"].house, tmp_path_factory.mktemp("published"))
    serve(house)
    return house


def drafts(house: TestHouse) -> list[str]:
    """Files of serving and history that are nothing yet."""
    folders = (house.home.serving, house.home.folder("published"))
    return [p.name for folder in folders for p in folder.rglob("*") if "draft" in p.name or p.name.endswith(".wal")]


@pytest.mark.parametrize("point", SERVING)
def test_a_disk_that_is_full_when_figures_are_served_leaves_whole_ones(
    published: TestHouse, point: str, tmp_path: Path
) -> None:
    house = copied(published, tmp_path)
    expected = served(published)
    owner, name, limit = SERVING[point]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, filling(getattr(owner, name), limit))
        with pytest.raises(VoicehouseError, match="broke off, the disk is full: free space, then run again"):
            serve(house)
    assert served(house) == expected
    assert found_under([house.home.root], PLANTED) == set()
    serve(house)
    assert served(house) == expected and drafts(house) == []
    assert pipeline.is_served(house.home) and pipeline.recheck_served(house.home, "test") == []


def test_a_disk_that_is_full_while_dbt_builds_costs_a_full_build(
    undisturbed: dict[str, Undisturbed], published: TestHouse, tmp_path: Path
) -> None:
    house = copied(published, tmp_path)
    limit = house.home.warehouse.stat().st_size // 2
    with full_disk(limit), pytest.raises(VoicehouseError, match="the build of the models broke off, the disk is full"):
        house.build()  # before dbt begins
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modelling, "run", filling(modelling.run))
        with pytest.raises(VoicehouseError, match="dbt build broke off, the disk is full"):
            house.build()
    assert served(house) == served(published)  # readers notice nothing
    assert found_under([house.home.root], PLANTED) == set()
    assert house.build().why_full == "there is no finished build to build on"
    assert differences(same_content.marts(house.home, house.keyring), undisturbed["first"].marts) == {}
    assert orphans(house) == []


@pytest.mark.parametrize("command", [("backup", "../a.backup", "--key-file", "../key"), ("lake", "compact")])
def test_a_command_on_a_full_disk_says_so(
    undisturbed: dict[str, Undisturbed], command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = copied(undisturbed["later"].house, tmp_path)
    before = content(house)
    monkeypatch.chdir(house.home.root)
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    (tmp_path / "key").write_bytes(b"k" * 32)
    with full_disk():
        done = CliRunner().invoke(main, ["--home", str(house.home.root), *command])
    assert done.exit_code == 1 and "broke off, the disk is full: free space, then run again" in done.stderr
    assert content(house) == before and not list(tmp_path.glob("*a.backup*"))
    again = CliRunner().invoke(main, ["--home", str(house.home.root), *command])
    assert again.exit_code == 0, again.output
    pipeline.load_staged(house.home, house.keyring)  # as the next run does
    assert content(house) == before and orphans(house) == []


@pytest.mark.parametrize("torn", ["", '{"run_id": "torn by a death'])
def test_the_last_line_of_a_run_that_does_not_fit_costs_that_line_alone(house: TestHouse, torn: str) -> None:
    history = house.home.folder("ops") / "runs.jsonl"

    def conclude(run: str) -> None:
        pipeline.Outcomes(house.home, run).begin()
        pipeline.Outcomes(house.home, run).conclude(house.home, run, "failed", "load")

    def told() -> list[str]:
        runs = [run["run_id"] for run in pipeline.run_history(house.home)]
        assert (
            (report.last_run(house.home) or {})["run_id"]
            == runs[-1]
            == watch.status(house.home)["last_runs"][-1]["run_id"]
        )
        return runs

    conclude("first")
    with full_disk(history.stat().st_size + 100), pytest.raises(OSError, match="File too large"):
        conclude("second")
    with history.open("a") as handle:
        handle.write(torn)
    assert told() == ["first"] and watch.died(house.home) == ["second"]
    conclude("third")
    assert told() == ["first", "third"]


def test_a_step_of_an_incident_cut_in_two_leaves_the_register_readable(house: TestHouse) -> None:
    first = incidents.begin(house.home, house.keyring, "opened", reason="a line\u2028in two")
    with (house.home.root / "ops" / "incidents.jsonl").open("a") as handle:
        handle.write('{"incident": "torn by a death')
    assert [i.number for i in incidents.listed(house.home)] == [first.number]
    incidents.close(house.home, house.keyring, first, "done")
    assert [len(i.lines) for i in incidents.listed(house.home)] == [2]


def test_a_file_that_does_not_fit_leaves_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "commit.json"
    home_module.write_durably(path, b"old")
    with full_disk(), pytest.raises(OSError, match="File too large"):
        home_module.write_durably(path, b"x" * 5000)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
