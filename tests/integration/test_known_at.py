"""Two clocks: the marts as they were known at an instant, beside what is served. Keep out: how a build increments."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import modelling, pipeline
from orchestration.cli import main
from tests.protected_lake import ProtectedLake

pytestmark = pytest.mark.slow
THEN = "2025-06-01T12:00:00Z"


def answers(n: int, score: int, first: int = 0) -> list[dict[str, str]]:
    return [
        {
            "answer_key": f"'a{i}'",
            "response_key": f"'r{i}'",
            "subject_key": f"'p{i}'",
            "survey_id": "'loyalty'",
            "question_id": "'nps'",
            "score": str(score),
            "answered_at": "timestamp '2025-03-01'",
            "updated_at": "timestamp '2025-03-01'",
            "content_hash": f"'a{i}'",
        }
        for i in range(first, first + n)
    ]


QUESTION = {
    "survey_id": "'loyalty'",
    "question_id": "'nps'",
    "metric": "'nps'",
    "scale_min": "0",
    "scale_max": "10",
    "no_answer_codes": "[]::varchar[]",
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> ProtectedLake:
    lake = ProtectedLake(tmp_path_factory.mktemp("known_at") / "home")
    lake.commit("l1", "desk", "2025-06-01", {"question": [QUESTION], "survey_answer": answers(40, 10)})
    lake.commit("l2", "desk", "2025-06-02", {"survey_answer": answers(40, 0, first=40)})
    return lake


def look_back(lake: ProtectedLake, known_at: str, *more: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--home", str(lake.home.root), "run", "--known-at", known_at, *more])
    return done.exit_code, done.stdout if more else done.output


@pytest.fixture(scope="module")
def told(lake: ProtectedLake) -> tuple[str, Path]:
    """What a look back printed, and the marts it made."""
    lake.home.warehouse.write_bytes(b"left alone")
    code, printed = look_back(lake, THEN)
    assert code == 0, printed
    return printed, lake.home.root / "known_at" / "2025-06-01T12-00-00.duckdb"


def test_an_old_number_is_computed_again_from_what_was_known(lake: ProtectedLake, told: tuple[str, Path]) -> None:
    printed, path = told
    assert (
        str(path) in printed and "NPS" in printed and "+100.0" in printed and "nothing that was known then" in printed
    )
    with pipeline.open_exact(lake.home, lake.keyring, path) as con:
        found = con.execute(
            "SELECT value, n_answered, known_at::VARCHAR FROM kpi_values WHERE metric_id = 'nps' AND variant = 'per_response' "
            "AND period_grain = 'all' AND breakdown = ''"
        ).fetchall()
        assert found == [(100.0, 40, "2025-06-01 00:00:00")]
    assert lake.home.warehouse.read_bytes() == b"left alone"
    assert not (lake.home.root / "dbt" / "known_at").exists()
    assert path.stat().st_mode & 0o777 == 0o600 and b"kpi_values" not in path.read_bytes()


def test_an_old_number_is_told_to_machines(
    lake: ProtectedLake, told: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modelling, "as_known_at", lambda *_: told[1])  # made above; dbt would make them once more
    code, printed = look_back(lake, THEN, "--json")
    found = json.loads(printed)
    assert code == 0 and found["headlines"]["nps"]["n"] == 40 and found["loads"] == 1
    assert found["removed_since"] == []


def test_before_the_first_load_nothing_was_known(lake: ProtectedLake) -> None:
    code, printed = look_back(lake, "2020-01-01")
    assert code == 1 and "nothing was known then" in printed


def test_a_look_back_reads_nothing_new(lake: ProtectedLake) -> None:
    done = CliRunner().invoke(main, ["--home", str(lake.home.root), "run", "--known-at", "2025-06-01", "--sample"])
    assert done.exit_code == 2
