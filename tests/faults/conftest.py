"""What every test of this folder shares.

Its marker, which keeps it out of `make test`, runs that nothing disturbed, and a place for homes one after another.

Keep out: fixtures that one file alone needs.
"""

from pathlib import Path

import pytest

from tests import same_content
from tests.faults.test_kill import Undisturbed, content, furnish
from tests.house import TestHouse, copy_of, emptied
from tests.same_content import differences

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder runs with `make test-faults`."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where homes stand one after another."""
    return tmp_path_factory.mktemp("place") / "house"


@pytest.fixture
def emptied_house(house: TestHouse, place: Path) -> TestHouse:
    """An empty home, made where the last one of these stood: for many that build the models."""
    return emptied(place)


@pytest.fixture(scope="session")
def undisturbed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Undisturbed]:
    """A home after its first load, and one after a later one: rows, ledger, marts. Made once for all that compare."""
    found = {}
    for load in ("first", "later"):
        made = emptied(place)
        furnish(made, load)
        made.take()
        made.build()
        house = copy_of(made, tmp_path_factory.mktemp("undisturbed") / "house")
        marts = same_content.marts(house.home, house.keyring)
        found[load] = Undisturbed(house, content(house), house.ledger(), marts)
    assert "case" in differences(found["first"].rows, found["later"].rows)  # the control: one case more
    assert "core.fct_cases" in differences(found["first"].marts, found["later"].marts)
    return found
