"""The power goes after any step of extraction, staging and promotion, or in the vault: the next run makes it good.

Keep out: deaths that leave the disk as it is (test_kill.py).
"""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration import pipeline
from orchestration.home import Home, write_durably
from orchestration.lake import stage
from orchestration.landing import extract as landing
from orchestration.landing import pages
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Window
from tests import same_content
from tests.faults.disk import DISKS, Recording, lay, recorded
from tests.faults.test_kill import Undisturbed, content, furnish, killed, orphans
from tests.house import TestHouse
from tests.same_content import differences


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


def states(run: Recorded) -> dict[str, dict[str, bytes | None]]:
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


def other_marts(house: TestHouse, undisturbed: Undisturbed) -> dict[str, int]:
    """Build the models; facts, dimensions and marts that are not those of the home that nothing disturbed."""
    house.build()
    return differences(same_content.marts(house.home, house.keyring), undisturbed.marts)


def test_after_a_power_cut_at_any_step_the_next_run_makes_it_good(
    run: Recorded, undisturbed: dict[str, Undisturbed], tmp_path: Path
) -> None:
    """Marts are compared once: all that models read (rows, merges, ledger, sources) is the same after every cut.

    Pseudonyms too, for the vault is the one that was watched; so there is one warehouse that can come of it.
    """
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
        if number == len(found) // 2:
            assert other_marts(again, undisturbed["first"]) == {}, name
        shutil.rmtree(root)
    assert wrong == []


def extraction(root: Path, load: str) -> Recorded:
    """An extraction: what it wrote unsynced, then how pages and cursor were brought to the disk."""
    house = TestHouse(root / "watched")
    furnish(house, load)
    (settings,) = pipeline.sources(house.home).values()
    top = house.home.root
    recording, begin, settle = Recording(top), landing._begin, landing._settle

    def begun(home: Home, source: str) -> Any:
        cursor = begin(home, source)
        shutil.copytree(top, root / "base")
        return cursor

    def watched(home: Home, source: str) -> None:
        for path in sorted(p for p in top.rglob("*") if p.is_file()):
            before = root / "base" / path.relative_to(top)
            if before.exists() and before.read_bytes() == path.read_bytes():
                continue
            if path.is_relative_to(top / "dlt") or path.is_relative_to(top / "landing"):
                recording.appear(path)
            else:  # the key of the load, which came durably
                shutil.copyfile(path, before)
        with recorded(recording):
            settle(home, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing, "_begin", begun)
        patch.setattr(landing, "_settle", watched)
        assert pipeline.extract(house.home, house.keyring, settings, Window(), "test").failure is None
    return Recorded(house, root / "base", recording)


def cut_extractions(run: Recorded) -> dict[str, dict[str, bytes | None]]:
    """Some of the states the disk may be left in: along the way, and the worst.

    The cursor is there, its pages are not.
    """
    along = list(states(run).items())
    found = dict(along[:: len(along) // 4])
    whole = run.recording.state(run.base, len(run.recording.steps), "kind")
    unsynced = run.recording.state(run.base, 0, "lazy")
    brought = [p for p in whole if p.startswith("landing/desk/pages/") and p not in unsynced]
    assert brought
    note = {p: c for p, c in unsynced.items() if p.startswith("landing/_begun/")}
    assert note
    found["cursor without pages"] = {p: c for p, c in whole.items() if p not in brought} | note
    found["cursor and empty pages"] = {p: b"" if p in brought else c for p, c in whole.items()} | note
    dlts = {p: c for p, c in unsynced.items() if p.startswith("dlt/")}
    found["pages without cursor"] = {p: c for p, c in whole.items() if not p.startswith("dlt/")} | dlts | note
    found["everything empty"] = {p: b"" if c != unsynced.get(p, c) else c for p, c in whole.items()} | note
    return found


def again_after(state: dict[str, bytes | None], root: Path) -> TestHouse:
    """A run on what the power cut left."""
    lay(state, root / "home")
    again = TestHouse(root)
    again.take()
    return again


@pytest.mark.parametrize("load", ["first", "later"])
def test_after_a_power_cut_while_extracting_every_row_is_asked_for_again(
    undisturbed: dict[str, Undisturbed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: str
) -> None:
    """Marts are compared after the worst end; after all, what models read is the same but for pseudonyms' names.

    Those are drawn with the rows, which the next run asks for again; after deaths, too, names differ and marts do not.
    """
    found = cut_extractions(extraction(tmp_path, load))
    expected = undisturbed[load]
    # The control: a machine that ran on would trust its cursor, and the rows would be passed over.
    control = again_after(found["cursor without pages"], tmp_path / "control")
    assert differences(content(control), expected.rows).keys() >= {"case"}
    monkeypatch.setattr(landing, "boot", lambda: "another start of the machine")
    wrong = {}
    for number, (name, state) in enumerate(found.items()):
        again = again_after(state, tmp_path / str(number))
        faults = (differences(content(again), expected.rows), again.ledger() == expected.ledger, orphans(again))
        loads = {f"landing:{x.load_id}" for x in pages.loads(again.home, "desk")}
        kept = {p for p in Keyring(again.home).purposes() if p.startswith("landing:")}
        if faults != ({}, True, []) or kept != loads or len(loads) != ("first", "later").index(load) + 1:
            wrong[name] = faults
        elif (load, name) == ("later", "everything empty"):
            assert other_marts(again, expected) == {}
    assert wrong == {}


def test_a_vaults_log_that_was_cut_short_anywhere_is_made_good(
    house: TestHouse, undisturbed: dict[str, Undisturbed], tmp_path: Path
) -> None:
    """Whatever is left of it, the transaction stands or does not: all that models read is the same but for names.

    Marts of homes with each of the two ends are compared in test_kill.py, whose deaths leave the disk as it is.
    """
    furnish(house, "first")
    died = killed(house, "before_the_vaults_checkpoint", tmp_path)
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    log = house.home.root / "vault" / "vault.duckdb.wal"
    length = log.stat().st_size
    assert length > 10_000
    for number, kept in enumerate((0, 100, length // 3, length - 1, length)):
        root = tmp_path / "cut" / str(number)
        shutil.copytree(house.home.root, root / "home")
        os.truncate(root / "home" / "vault" / log.name, kept)
        again = TestHouse(root)
        again.take()
        assert differences(content(again), undisturbed["first"].rows) == {}, kept
        assert again.ledger() == undisturbed["first"].ledger and orphans(again) == []


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
