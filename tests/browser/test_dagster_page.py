"""Dagster in a headless Chromium: the asset graph reads extract to serve, and nothing leaves the machine.

Keep out: runs (tests/sample_company, tests/integration).
"""

import pytest

from tests.browser import chromium
from tests.browser.dagster_page import dagster, graph, groups, left_the_machine
from tests.house import TestHouse, write_source

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> chromium.Visit:
    root = tmp_path_factory.mktemp("dagster")
    house = TestHouse(root)
    write_source(house.sources, "desk", {"case": "select _record, raw ->> '$.id' as case_id from rows"})
    with dagster(house.home.root, root / "ui.log") as address:
        return graph(address, root / "graph.png", root / "profile")


def test_the_graph_shows_the_six_steps_in_the_order_of_the_flow(seen: chromium.Visit) -> None:
    assert groups(seen) == ["extract", "guard", "load", "model", "quality", "serve"]


def test_no_request_leaves_the_machine(seen: chromium.Visit) -> None:
    assert seen.requests  # the control: the page asked for its own parts
    assert left_the_machine(seen) == []


def test_the_console_holds_no_error(seen: chromium.Visit) -> None:
    assert seen.errors == []
