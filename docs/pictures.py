"""Takes the pictures of README.md and privacy.md: reports and Dagster's asset graph of homes that have run.

In headless Chromium; Chinese needs a font that has it (Debian: fonts-wqy-microhei).

Keep out: what the pages show.
"""

import os
import sys
import tempfile
from pathlib import Path

from orchestration.home import Home
from orchestration.serving.privacy_report import newest
from tests.browser import chromium
from tests.browser.dagster_page import dagster, graph

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("pictures")
LARGEST = 300_000  # bytes
CHOOSE = "document.getElementById('choose-{language}').click(); document.fonts.ready.then(() => 'ready')"


def main() -> None:
    """Write docs/pictures/*.png from the home at VOICEHOUSE_HOME (default .voicehouse).

    The privacy report of real public data from .voicehouse-real, where `make real` has filled it.
    """
    home = Path(os.environ.get("VOICEHOUSE_HOME", ".voicehouse")).resolve()
    page = home / "serving" / "report" / "index.html"
    if not page.exists():
        sys.exit("nothing is served yet: `make run` first")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        temp = Path(name)
        _take(page, "report", temp)
        for each, shot in ((home, "privacy_report"), (Path(".voicehouse-real").resolve(), "privacy_report_public")):
            if each.exists() and (report := newest(Home.open(each))):
                _take(report.with_suffix(".html"), shot, temp)
        with dagster(home, temp / "dagster.log") as address:
            graph(address, FOLDER / "asset_graph.png", temp / "graph")
    for path in sorted(FOLDER.glob("*.png")):
        sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes\n")
        if path.stat().st_size > LARGEST:
            sys.exit(f"{path.name} is larger than {LARGEST:,} bytes")


def _take(page: Path, shot: str, temp: Path) -> None:
    """A page in each language, as a laptop shows its beginning."""
    for language in chromium.LANGUAGES:
        steps = [(2.0, CHOOSE.format(language=language)), (2.0, "document.title")]
        name = f"{shot}_{language}"
        chromium.look(page.as_uri(), FOLDER / f"{name}.png", temp / name, steps, (1200, 860), is_whole=False)


if __name__ == "__main__":
    main()
