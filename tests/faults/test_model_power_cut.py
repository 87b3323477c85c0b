"""The power goes between any two system calls with which a warehouse is made or changed: the next build is a whole one.

Keep out: deaths of dbt alone (test_late_data.py), and what is served meanwhile (test_serving_power_cut.py).
"""

import os
import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration import modelling
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy.keys import Keyring
from tests import same_content
from tests.faults.disk import DISKS, Recording, lay
from tests.faults.system_calls import recorded_from
from tests.faults.test_kill import Undisturbed, furnish
from tests.house import TestHouse
from tests.same_content import differences

ROOT = Path(__file__).parents[2]
ROWS = 10_000  # several blocks of the file
BUILD = """
import sys
from pathlib import Path
from orchestration.home import Home
from tests.faults.test_model_power_cut import build

build(Home(Path(sys.argv[1])))
"""


def build(home: Home) -> str:
    """A build whose models are two tables; dbt's own hundred take the same way to the disk.

    What is built on is whole, and of one build. Returns why it was a full build.
    """
    keyring = Keyring(home)
    lake = Lake(home, keyring.base64(LAKE_KEY))
    with modelling.building(home, keyring) as begun, modelling._warehouse(lake, keyring) as con:
        if not begun.why_full:
            both = "SELECT build, cell FROM wh.main.first UNION ALL SELECT build, cell || '!' FROM wh.main.second"
            found = con.execute(f"SELECT count(DISTINCT build), count(DISTINCT cell) FROM ({both})").fetchone()
            assert found == (1, 2 * ROWS)
        for table in ("first", "second"):
            con.execute(
                f"CREATE OR REPLACE TABLE wh.main.{table} AS SELECT {begun.increment.number} AS build, "
                f"md5(i::VARCHAR) AS cell FROM range({ROWS}) AS rows(i)"
            )
    return begun.why_full


def left_by(recording: Recording, base: Path) -> dict[str, dict[str, bytes | None]]:
    """Every state of the disk that differs in the warehouse, by the first name it goes by."""
    found: dict[object, tuple[str, dict[str, bytes | None]]] = {}
    for disk in DISKS:
        for n in range(len(recording.steps) + 1):
            state = recording.state(base, n, disk)
            key = frozenset((p, c) for p, c in state.items() if p.startswith("warehouse"))
            found.setdefault(key, (f"{disk} disk, {n} steps", state))
    return dict(found.values())


@pytest.mark.parametrize("stood", [False, True])
def test_after_a_power_cut_in_a_build_the_next_one_comes_to_its_end(tmp_path: Path, stood: bool) -> None:
    home = Home.open(tmp_path / "watched")
    Keyring(home).key("warehouse")
    if stood:
        build(home)
    base = shutil.copytree(home.root, tmp_path / "base")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    recording = recorded_from([sys.executable, "-c", BUILD, str(home.root)], home.root, tmp_path, environment)
    found = left_by(recording, base)
    assert len(found) > 10
    whole, failed = set(), {}
    for number, (name, state) in enumerate(found.items()):
        again = Home(tmp_path / str(number))
        lay(state, again.root)
        try:
            whole.add(build(again))
        except (duckdb.Error, VoicehouseError, AssertionError) as error:
            failed[name] = f"{type(error).__name__}: {error}"
        shutil.rmtree(again.root)
    assert failed == {}
    assert whole == {"there is no finished build to build on", ""}  # of one that came to its end on the disk, too


def test_the_marts_are_the_same_after_a_power_cut_in_the_first_build(
    emptied_house: TestHouse, undisturbed: dict[str, Undisturbed]
) -> None:
    """The worst of it: the file has its length and none of its content."""
    house, expected = emptied_house, undisturbed["first"]
    furnish(house, "first")
    house.take()
    house.home.warehouse.write_bytes(b"\0" * expected.house.home.warehouse.stat().st_size)
    assert house.build().why_full == "there is no finished build to build on"
    assert differences(same_content.marts(house.home, house.keyring), expected.marts) == {}
