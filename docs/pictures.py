"""Takes the pictures of README.md: the report and Dagster's asset graph of a home that has run, in headless Chromium.

Keep out: what the pages show.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.browser import chromium

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("pictures")
LARGEST = 300_000  # bytes
SKIP = "[...document.querySelectorAll('button')].filter(b => b.innerText === 'Skip').forEach(b => b.click())"
CHOOSE = "document.getElementById('choose-{language}').click(); document.fonts.ready.then(() => 'ready')"


@contextmanager
def dagster(home: Path, log: Path) -> Iterator[str]:
    """Dagster's page on a free port; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "orchestration.cli", "--home", str(home), "ui", "--port", str(port)]
    with log.open("wb") as written:
        server = subprocess.Popen(command, cwd=ROOT, stdout=written, stderr=written, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                with urlopen(f"http://127.0.0.1:{port}/server_info"):
                    break
            except (URLError, ConnectionError):
                time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def main() -> None:
    """Write docs/pictures/*.png from the home at VOICEHOUSE_HOME (default .voicehouse)."""
    home = Path(os.environ.get("VOICEHOUSE_HOME", ".voicehouse")).resolve()
    page = home / "serving" / "report" / "index.html"
    if not page.exists():
        sys.exit("nothing is served yet: `make run` first")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        temp = Path(name)
        for language in chromium.LANGUAGES:
            steps = [(2.0, CHOOSE.format(language=language)), (2.0, "document.title")]
            shot = FOLDER / f"report_{language}.png"
            chromium.look(page.as_uri(), shot, temp / f"report_{language}", steps, (1200, 860), is_whole=False)
        with dagster(home, temp / "dagster.log") as address:
            steps = [(20.0, SKIP), (15.0, SKIP), (5.0, "document.title")]
            chromium.look(
                f"{address}/asset-groups",
                FOLDER / "asset_graph.png",
                temp / "graph",
                steps,
                (1800, 900),
                is_whole=False,
            )
    for path in sorted(FOLDER.glob("*.png")):
        sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes\n")
        if path.stat().st_size > LARGEST:
            sys.exit(f"{path.name} is larger than {LARGEST:,} bytes")


if __name__ == "__main__":
    main()
