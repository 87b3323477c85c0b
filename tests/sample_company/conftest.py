"""One run of the whole job on the sample company, for all tests of this folder. Keep out: assertions."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration import pipeline
from orchestration.home import Home
from orchestration.privacy.keys import Keyring

ROOT = Path(__file__).parents[2]


class SampleRun:
    """The home after the run, its truth, and what the command printed."""

    def __init__(self, root: Path):
        self.root = root
        self.truth = root / "sample-truth"
        self.inbox = root / "inbox"
        self.home = Home.open(root / "home")
        self.temp = root / "temp"  # the run's own TMPDIR

    def voicehouse(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this home."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHOUSE_")}
        self.temp.mkdir(exist_ok=True)
        environment |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.temp)}
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "--home", str(self.home.root), *arguments],
            env=environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def keyring(self) -> Keyring:
        return Keyring(self.home)

    def read(self, name: str) -> list[dict[str, str]]:
        """A table of the truth."""
        with (self.truth / name).open(encoding="utf-8") as handle:
            return list(csv.DictReader(handle))

    def exact(self) -> duckdb.DuckDBPyConnection:
        """The exact marts, as catalog `wh`."""
        return pipeline.open_warehouse(self.home, self.keyring)

    def served(self) -> duckdb.DuckDBPyConnection:
        """What analysts query."""
        return duckdb.connect(str(self.home.root / "serving" / "kpi.duckdb"), read_only=True)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleRun]:
    """The sample company, run once (VOICEHOUSE_SAMPLE_RUN names a folder with one made before)."""
    given = os.environ.get("VOICEHOUSE_SAMPLE_RUN")
    sample = SampleRun(Path(given) if given else tmp_path_factory.mktemp("sample"))
    if not (sample.home.root / "ops" / "served.json").exists():
        done = sample.voicehouse("run", "--sample")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        (sample.root / "printed.txt").write_text(done.stdout + done.stderr)
    yield sample
