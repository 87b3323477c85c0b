"""The power goes after any step of staging and promotion, on disks kind and unkind: the next run makes it good.

Keep out: deaths that leave the disk as it is (test_kill.py).
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration import pipeline
from orchestration.home import Home, write_durably
from orchestration.lake import stage
from orchestration.sources.contract import Window
from tests.faults.disk import DISKS, Recording, lay, recorded
from tests.faults.test_kill import content, furnish, orphans
from tests.house import TestHouse


@dataclass(frozen=True)
class Recorded:
    """One run, watched from the moment its parts are written until the load is committed and forgotten."""

    house: TestHouse
    base: Path
    recording: Recording


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    root = tmp_path_factory.mktemp("power")
    house = TestHouse(root / "watched")
    furnish(house, "first")
    (settings,) = pipeline.sources(house.home).values()
    pipeline.extract(house.home, house.keyring, settings, Window(), "test")
    top = house.home.root
    recording, finish = Recording(top), stage.finish

    def watched(home: Home, manifest: stage.Manifest) -> None:
        staged = stage.folder(home) / manifest.stem
        shutil.copytree(top, root / "base")
        shutil.rmtree(root / "base" / staged.relative_to(top))
        for part in manifest.parts:
            recording.appear(home.lake / part.path)
        with recorded(recording):
            finish(home, manifest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "finish", watched)
        pipeline.guard_source(house.home, house.keyring, settings, "test")
    with recorded(recording):
        pipeline.load_staged(house.home, house.keyring)
    yield Recorded(house, root / "base", recording)


def states(run: Recorded) -> dict[str, tuple[str, dict[str, bytes | None]]]:
    """Every state the disk may be left in, each once, by the first name it goes by."""
    found: dict[Any, tuple[str, dict[str, bytes | None]]] = {}
    for disk in DISKS:
        for n in range(len(run.recording.steps) + 1):
            state = run.recording.state(run.base, n, disk)
            key = frozenset((p, c) for p, c in state.items() if c is not None)
            found.setdefault(key, (f"{disk} disk, {n} steps", state))
    return dict(found.values())


def test_the_recording_holds_the_order_that_promotion_promises(run: Recorded) -> None:
    steps = [(what, path) for what, path, _ in run.recording.steps]
    (commit,) = [n for n, s in enumerate(run.recording.steps) if s[0] == "replace" and "_commits" in str(s[2])]
    parts = [n for n, s in enumerate(run.recording.steps) if s[0] == "replace" and str(s[2]).endswith(".parquet")]
    forgotten = [n for n, (what, path) in enumerate(steps) if what == "remove" and "_staged" in path]
    assert len(parts) == 2 and max(parts) < commit < min(forgotten)
    # A control: without its syncs the same recording would lose a committed part.
    mean = Recording(run.recording.top, [s for s in run.recording.steps if s[0] != "fsync"])
    left = mean.state(run.base, len(mean.steps), "hasty")
    assert [p for p, c in left.items() if p.endswith(".parquet") and "load=" in p and c == b""]


def test_after_a_power_cut_at_any_step_the_next_run_makes_it_good(run: Recorded, tmp_path: Path) -> None:
    expected = content(run.house), run.house.ledger()
    wrong = []
    found = states(run)
    assert len(found) > 15
    for number, (name, state) in enumerate(found.items()):
        root = tmp_path / str(number)
        lay(state, root / "home")
        shutil.copytree(run.house.sources, root / "sources")
        again = TestHouse(root)
        (settings,) = pipeline.sources(again.home).values()
        pipeline.guard_source(again.home, again.keyring, settings, "again")
        pipeline.load_staged(again.home, again.keyring)
        if (content(again), again.ledger()) != expected or orphans(again):
            wrong.append(name)
        assert pipeline.ledger_faults(again.home, again.keyring) == [], name
        shutil.rmtree(root)
    assert wrong == []


def test_a_durable_file_is_old_or_new_after_a_power_cut_at_any_step(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "marker.json").write_bytes(b"old")
    shutil.copytree(top, tmp_path / "base")
    recording = Recording(top)
    with recorded(recording):
        write_durably(top / "marker.json", b"new")
    left = {
        recording.state(tmp_path / "base", n, disk).get("marker.json")
        for disk in DISKS
        for n in range(len(recording.steps) + 1)
    }
    assert left == {b"old", b"new"}
    assert recording.state(tmp_path / "base", len(recording.steps), "lazy") == {"marker.json": b"new"}
