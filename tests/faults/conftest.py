"""What every test of this folder shares: its marker, which keeps it out of `make test`.

Keep out: fixtures that one file alone needs.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder runs with `make test-faults`."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.faults)
