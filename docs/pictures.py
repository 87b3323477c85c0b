"""Takes the pictures of README.md: the report and Dagster's asset graph of a home that has run, in headless Chromium.

Keep out: what the pages show.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.browser import chromium
from tests.browser.dagster_page import dagster, graph

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("pictures")
LARGEST = 300_000  # bytes
CHOOSE = "document.getElementById('choose-{language}').click(); document.fonts.ready.then(() => 'ready')"


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
            graph(address, FOLDER / "asset_graph.png", temp / "graph")
    for path in sorted(FOLDER.glob("*.png")):
        sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes\n")
        if path.stat().st_size > LARGEST:
            sys.exit(f"{path.name} is larger than {LARGEST:,} bytes")


if __name__ == "__main__":
    main()
