"""Fixtures for every test. Keep out: anything one kind of test alone needs."""

from pathlib import Path

import pytest

from tests.house import TestHouse


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
