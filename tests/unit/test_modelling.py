"""What dbt is told of a build.

Keep out: what the models make (dbt unit tests, tests/integration).
"""

import pytest

from orchestration.lake.increment import Increment
from orchestration.modelling import ROWS_SIDE_BY_SIDE, Build


def test_models_of_a_large_lake_are_made_one_at_a_time_unless_somebody_gives_them_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VOICEHOUSE_MEMORY_LIMIT", raising=False)
    small = Build(Increment(), "", ROWS_SIDE_BY_SIDE, {"reporting_tz": "UTC"}).arguments("test")
    assert small == ["build", "--exclude-resource-type", "unit_test", "test", "--vars", '{"reporting_tz": "UTC"}']
    large = Build(Increment(), "first", ROWS_SIDE_BY_SIDE + 1, {})
    assert large.arguments()[-3:] == ["--full-refresh", "--threads", "1"]
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", "8GB")
    assert large.arguments()[-1] == "--full-refresh"
