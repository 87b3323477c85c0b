"""Dagster's page of a home, for as long as somebody looks at it.

Keep out: what it should look like.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.browser import chromium

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300
SKIP = "[...document.querySelectorAll('button')].filter(b => b.innerText === 'Skip').forEach(b => b.click())"


@contextmanager
def dagster(home: Path, log: Path) -> Iterator[str]:
    """Dagster's page on a free port; gives its address.

    Raises AssertionError with the end of its log when it does not come up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHOUSE_")}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "orchestration.cli", "--home", str(home), "ui", "--port", str(port)]
    with log.open("wb") as written:
        # As a shell starts what it runs in the background.
        server = subprocess.Popen(
            command,
            env=environment,
            stdout=written,
            stderr=written,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{port}/server_info"):
                    break
            except (URLError, ConnectionError):
                time.sleep(1)
        else:
            raise AssertionError(log.read_text()[-2000:])
        yield f"http://127.0.0.1:{port}"
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def graph(address: str, shot: Path, profile: Path) -> chromium.Visit:
    """The asset graph by its groups, with what Dagster asks a first visitor skipped.

    `texts["page"]` is what it shows.
    """
    steps = [(15.0, SKIP), (8.0, SKIP), (4.0, "document.body.innerText")]
    return chromium.look(f"{address}/asset-groups", shot, profile, steps, (1800, 900), is_whole=False)


def groups(seen: chromium.Visit) -> list[str]:
    """The steps that the graph shows, in the order in which it shows them."""
    steps = ("extract", "guard", "load", "model", "quality", "serve")
    return list(dict.fromkeys(w for w in seen.texts["page"].split() if w in steps))


def left_the_machine(seen: chromium.Visit) -> list[str]:
    """Requests to anything but this machine."""
    return [r for r in seen.requests if not r.startswith(("http://127.0.0.1", "ws://127.0.0.1", "blob:"))]
