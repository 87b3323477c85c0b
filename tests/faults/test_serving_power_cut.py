"""The power goes after any step of a publication: one whole file is served, and the history says what was served.

Keep out: deaths of the process alone (test_late_data.py), and what is published (tests/unit/test_history.py).
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.engine import load_extension
from orchestration.home import Home
from orchestration.serving import history as published
from orchestration.serving import publish as serving
from orchestration.serving import swap
from tests.faults.disk import DISKS, Recording, lay, recorded
from tests.unit import served_house

AT = datetime(2026, 7, 20, 1)


@dataclass(frozen=True)
class Publication:
    """The second publication of a home, step by step, and the home as it was before."""

    home: Home
    base: Path
    recording: Recording


@pytest.fixture(scope="module")
def publication(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    root = tmp_path_factory.mktemp("serving")
    home = served_house.home(root)
    con = served_house.warehouse(root / "made", answers=1500, cases=300, days=300)
    load_extension(con, "httpfs")
    con.execute("DELETE FROM wh.kpis.kpi_values WHERE metric_id <> 'nps' OR period_grain NOT IN ('month', 'all')")
    assert serving.publish(con, home, "internal", AT).is_served
    con.execute("UPDATE wh.kpis.kpi_values SET value = value + 1 WHERE value IS NOT NULL")
    base = shutil.copytree(home.root, root / "base")
    recording = Recording(home.root)

    def watched(path: Path) -> None:
        """A file that DuckDB wrote is there, unsynced, from before its sync on."""
        name = str(path.relative_to(home.root))
        if not any(what == "replace" and target == name for what, _, target in recording.steps):
            recording.appear(path)
        sync(path)

    sync = swap.sync_file
    with pytest.MonkeyPatch.context() as patch, recorded(recording):
        patch.setattr(swap, "sync_file", watched)
        patch.setattr(published, "sync_file", watched)
        assert serving.publish(con, home, "internal", AT).is_served
    return Publication(home, base, recording)


def states(p: Publication) -> dict[str, dict[str, bytes | None]]:
    """Every state that differs in what is served or in the history, by the first name it goes by."""
    found: dict[Any, tuple[str, dict[str, bytes | None]]] = {}
    for disk in DISKS:
        for n in range(len(p.recording.steps) + 1):
            state = p.recording.state(p.base, n, disk)
            key = frozenset(
                (f, c) for f, c in state.items() if f.startswith(("published/", "serving/kpi", "serving/t"))
            )
            found.setdefault(key, (f"{disk} disk, {n} steps", state))
    return dict(found.values())


def parts(home: Home) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (home.root / "published").glob("part-*.parquet")}


def test_after_a_power_cut_at_any_step_of_a_publication_one_whole_file_is_served_and_the_history_tells_of_it(
    publication: Publication, tmp_path: Path
) -> None:
    old = {f: (publication.base / f).read_bytes() for f in ("serving/kpi.duckdb", "serving/team.duckdb")}
    new = {f: (publication.home.root / f).read_bytes() for f in old}
    before, after = parts(Home(publication.base)), parts(publication.home)
    assert len(after) == len(before) + 1 == 2  # the control: the second publication says something new
    found = states(publication)
    assert len(found) > 10
    seen, wrong = set(), {}
    for number, (name, state) in enumerate(found.items()):
        home = Home(tmp_path / str(number))
        lay(state, home.root)
        whole = [state[f] in (old[f], new[f]) for f in old]
        is_new = state["serving/kpi.duckdb"] == new["serving/kpi.duckdb"]
        seen.add(is_new)
        serving.settle(home)
        if (
            not all(whole)
            or parts(home) != (after if is_new else before)
            or (home.root / "published/draft.json").exists()
        ):
            wrong[name] = whole, is_new, sorted(parts(home))
        shutil.rmtree(home.root)
    assert seen == {False, True} and wrong == {}


def test_every_copy_beside_it_is_old_or_new_after_a_power_cut(publication: Publication) -> None:
    copies = [f"serving/parquet/{p.name}" for p in (publication.base / "serving" / "parquet").iterdir()]
    assert copies
    for disk in DISKS:
        for n in range(len(publication.recording.steps) + 1):
            state = publication.recording.state(publication.base, n, disk)
            for f in copies:
                ways = ((publication.base / f).read_bytes(), (publication.home.root / f).read_bytes())
                assert state[f] in ways, (disk, n, f)
