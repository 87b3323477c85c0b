"""Fixtures for every test. Keep out: anything one kind of test alone needs."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.house import TestHouse

ROOT = Path(__file__).parents[1]
os.umask(0o077)  # as every command and every job sets it

# The same examples on every build of a commit; on a developer's machine new ones each time, which is how they are
# found.
settings.register_profile("build", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("build")


class _SharedTogether(LoadScopeScheduling):
    """Tests that share what was made once, for their folder or their file, stay in one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        return str(file.parent if (ROOT / file.parent / "conftest.py").exists() else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """`-n 2 --dist loadgroup`; its own marks are lost with pytest 9.2, where a test's id cannot be changed any more."""
    return _SharedTogether(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """A home of its own, whatever the environment says."""
    for name in (
        "VOICEHOUSE_HOME",
        "VOICEHOUSE_SOURCES",
        "VOICEHOUSE_INBOX",
        "VOICEHOUSE_CLOCK",
        "VOICEHOUSE_MASTER_KEY",
        "VOICEHOUSE_MASTER_KEY_COMMAND",
        "VOICEHOUSE_NEW_MASTER_KEY",
        "VOICEHOUSE_NEW_MASTER_KEY_COMMAND",
    ):
        monkeypatch.delenv(name, raising=False)
    return TestHouse(tmp_path)
