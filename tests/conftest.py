"""Fixtures for every test. Keep out: anything one kind of test alone needs."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.house import TestHouse

# The same examples on every build of a commit; on a developer's machine new ones each time, which is how they are found.
settings.register_profile("build", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("build")


@pytest.hookimpl(tryfirst=True)  # the plugin that runs two processes reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the tests (`-n 2 --dist loadgroup`); what was made once for a folder or a file is used by one."""
    for item in items:
        folder = item.path.parent
        item.add_marker(pytest.mark.xdist_group(str(folder if (folder / "conftest.py").exists() else item.path)))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """A home of its own, whatever the environment says."""
    for name in (
        "VOICEHOUSE_HOME",
        "VOICEHOUSE_SOURCES",
        "VOICEHOUSE_INBOX",
        "VOICEHOUSE_CLOCK",
        "VOICEHOUSE_MASTER_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    return TestHouse(tmp_path)
