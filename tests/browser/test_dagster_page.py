"""Dagster in a headless Chromium: the asset graph reads extract to serve, and nothing leaves the machine.

Keep out: runs (tests/sample_company, tests/integration).
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import chromium
import pytest

from tests.house import TestHouse, write_source

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SKIP = "[...document.querySelectorAll('button')].filter(b => b.innerText === 'Skip').forEach(b => b.click())"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("dagster")
    house = TestHouse(root)
    write_source(house.sources, "desk", {"case": "select _record, raw ->> '$.id' as case_id from rows"})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHOUSE_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "orchestration.cli", "--home", str(house.home.root), "ui", "--port", str(port)]
    with (root / "ui.log").open("wb") as log:
        # Where the tests run in the background a shell lets them ignore interrupts, and Dagster stops by one.
        server = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                with urlopen(f"http://127.0.0.1:{port}/server_info") as answer:
                    if answer.status == 200:
                        break
            except (URLError, ConnectionError):
                time.sleep(1)
        else:
            raise AssertionError((root / "ui.log").read_text()[-2000:])
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def seen(address: str, tmp_path_factory: pytest.TempPathFactory) -> chromium.Visit:
    root = tmp_path_factory.mktemp("browser")
    steps = [(15.0, SKIP), (8.0, SKIP), (4.0, "document.body.innerText")]
    return chromium.look(f"{address}/asset-groups", root / "graph.png", root / "profile", steps, (1800, 900))


def test_the_graph_shows_the_six_steps_in_the_order_of_the_flow(seen: chromium.Visit) -> None:
    words = [w for w in seen.texts["page"].split() if w in ("extract", "guard", "load", "model", "quality", "serve")]
    assert list(dict.fromkeys(words)) == ["extract", "guard", "load", "model", "quality", "serve"]


def test_no_request_leaves_the_machine(seen: chromium.Visit) -> None:
    assert seen.requests  # the control: the page asked for its own parts
    assert [r for r in seen.requests if not r.startswith(("http://127.0.0.1", "ws://127.0.0.1", "blob:"))] == []


def test_the_console_holds_no_error(seen: chromium.Visit) -> None:
    assert seen.errors == []
