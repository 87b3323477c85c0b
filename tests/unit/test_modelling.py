"""What dbt is told of a build.

Keep out: what the models make (dbt unit tests, tests/integration).
"""

import json
from pathlib import Path

import duckdb
import pytest

from orchestration import modelling
from orchestration.errors import VoicehouseError
from orchestration.lake.increment import Increment
from orchestration.logs import Step
from orchestration.messages import translated
from orchestration.modelling import ROWS_SIDE_BY_SIDE, Build, check_built
from tests.house import TestHouse


def test_a_model_without_memory_says_so_and_what_to_do(tmp_path: Path) -> None:
    with duckdb.connect(config={"memory_limit": "10MB", "temp_directory": ""}) as con:
        with pytest.raises(duckdb.OutOfMemoryException) as engine:
            con.execute("create table t as select random() as n, uuid() as u from range(5_000_000) order by n")
        results = [{"unique_id": "model.voicehouse.fct_cases", "status": "error", "message": str(engine.value)}]
        (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
        with pytest.raises(VoicehouseError, match="fct_cases .memory is too little: raise VOICEHOUSE_MEMORY") as model:
            check_built(tmp_path / "run_results.json", RuntimeError("dbt"))
        told = pytest.raises(VoicehouseError, match="publish broke off, memory is too little: raise")
        with told as step, Step("publish", run="r1"):
            raise engine.value
    assert all(translated(str(e.value), "zh") != str(e.value) for e in (model, step))


def test_models_of_a_lake_that_is_large_for_the_memory_are_made_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VOICEHOUSE_MEMORY_LIMIT", raising=False)
    small = Build(Increment(), "", ROWS_SIDE_BY_SIDE, {"reporting_tz": "UTC"}).arguments("test")
    assert small == ["build", "--exclude-resource-type", "unit_test", "test", "--vars", '{"reporting_tz": "UTC"}']
    large = Build(Increment(), "first", ROWS_SIDE_BY_SIDE + 1, {})
    assert large.arguments()[-3:] == ["--full-refresh", "--threads", "1"]
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", "8GB")
    assert large.arguments()[-1] == "--full-refresh"
    assert Build(Increment(), "", 5 * ROWS_SIDE_BY_SIDE, {}).arguments()[-2:] == ["--threads", "1"]
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", "400MB")
    assert Build(Increment(), "", ROWS_SIDE_BY_SIDE // 4, {}).arguments()[-2:] == ["--threads", "1"]
    assert "--threads" not in Build(Increment(), "", ROWS_SIDE_BY_SIDE // 6, {}).arguments()


@pytest.mark.parametrize("headers", [0, 1, 3])
def test_a_warehouse_that_never_came_to_the_disk_whole_is_made_anew(house: TestHouse, headers: int) -> None:
    """As a power cut in the first build may leave it: its length, and of its headers none, some or all."""
    with modelling.building(house.home, house.keyring):
        pass
    whole = house.home.warehouse.read_bytes()
    with modelling.building(house.home, house.keyring) as again:
        assert again.why_full == ""  # the control
    house.home.warehouse.write_bytes(whole[: 4096 * headers].ljust(len(whole), b"\0"))
    with modelling.building(house.home, house.keyring) as anew:
        assert anew.why_full == "there is no finished build to build on"
    with modelling.building(house.home, house.keyring) as again:
        assert again.why_full == ""
