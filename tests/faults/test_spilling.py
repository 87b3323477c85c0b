"""Models and serving with less memory than they want: they spill, encrypted, and come to the same.

Keep out: the gate (test_memory.py, test_parts.py).
"""

import shutil
from pathlib import Path

import pytest

from orchestration import modelling, pipeline
from orchestration.engine import connect, literal
from tests.faults.test_late_data import served
from tests.faults.traces import found_in, found_under
from tests.protected_lake import ProtectedLake, differences
from tests.watching import Seen, watched

pytestmark = pytest.mark.slow

PLANTED = "planted-answer"
ANSWERS = 20_000
# Below what each wants (some 700 and 200 MB for these rows), above what it cannot do without.
MODEL, SERVE = "400MB", "90MB"
AT = "timestamp '2024-01-01' + interval (i % 400) day + interval (i % 1439) minute"
QUESTION = {
    "survey_id": "'loyalty'",
    "question_id": "'nps'",
    "metric": "'nps'",
    "scale_min": "0",
    "scale_max": "10",
    "no_answer_codes": "[]::varchar[]",
}
ANSWER = {
    "answer_key": f"'{PLANTED}' || i",
    "response_key": f"'{PLANTED}' || i",
    "subject_key": "'p' || (i % 5000)",
    "survey_id": "'loyalty'",
    "question_id": "'nps'",
    "score": "i * 7919 % 11",
    "answered_at": AT,
    "updated_at": AT,
    "channel": "['web', 'app', 'phone', 'store'][i % 4 + 1]",
    "content_hash": "'a' || i",
}
CASE = {
    "case_key": "'c' || i",
    "subject_key": "'p' || i",
    "opened_at": AT,
    "updated_at": AT,
    "resolved_at": f"{AT} + interval 3 hour",
    "closed_at": "null",
    "status": "'open'",
    "content_hash": "'c' || i",
}


def spills(seen: Seen) -> list[str]:
    return [name for name in seen.files if name.startswith("duckdb_temp")]


def model_and_serve(home: Path, patch: pytest.MonkeyPatch, model: str, serve: str) -> tuple[ProtectedLake, Seen, Seen]:
    """The steps after the gate, each within so much memory (none said: as much as it wants), and what they spilled."""
    lake, seen = ProtectedLake(home), []
    for limit, step in (
        (model, lake.build),
        (serve, lambda: pipeline.publish(lake.home, lake.keyring, "test")),
    ):
        patch.delenv("VOICEHOUSE_MEMORY_LIMIT", raising=False)
        if limit:
            patch.setenv("VOICEHOUSE_MEMORY_LIMIT", limit)
        with watched(lake.home.temp, PLANTED) as watch:
            done = step()
            seen.append(watch.seen())
        assert getattr(done, "is_served", True), done
    return lake, *seen


def test_models_and_serving_that_do_not_fit_into_memory_spill_encrypted_and_come_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2025-06-02T00:00:00Z")
    made = ProtectedLake(tmp_path / "tight")
    made.commit("l1", "desk", "2025-06-01", {"question": [QUESTION]})
    made.commit("l2", "desk", "2025-06-01", {"survey_answer": [ANSWER]}, times=ANSWERS)
    made.commit("l3", "desk", "2025-06-01", {"case": [CASE]}, times=ANSWERS // 20)
    shutil.copytree(made.home.root, tmp_path / "roomy")
    roomy, *plenty = model_and_serve(tmp_path / "roomy", monkeypatch, "", "")
    assert [spills(seen) for seen in plenty] == [[], []]
    tight, *little = model_and_serve(tmp_path / "tight", monkeypatch, MODEL, SERVE)
    for seen in little:
        assert spills(seen) and seen.most > 1 << 20, "nothing spilled: the test proves nothing"
        assert not any(seen.files.values())
    assert [p for p in tight.home.temp.rglob("*") if p.is_file()] == []
    # The value stands where a key opens it, in the columns of keys, and nowhere else: not in what is served.
    assert found_under([tight.home.root], [PLANTED]) == set()
    found = found_in(tight.home, [PLANTED])
    assert "lake, survey_answer.answer_key" in found and "warehouse, fct_survey_answers.answer_key" in found
    assert {where.split(", ")[0] for where in found} <= {"lake", "warehouse", "team"}
    assert [where for where in found if not where.endswith("_key")] == []
    assert not (modelling.PROJECT / ".tmp").exists()  # where DuckDB spills when nobody says where

    con = connect(roomy.home.temp)
    for lake, alias in ((tight, "tight"), (roomy, "roomy")):
        lake.attach(con, lake.home.warehouse, alias)
    assert con.execute("SELECT count(*) FROM tight.core.fct_survey_answers").fetchall() == [(ANSWERS,)]
    assert differences(con, "tight", "roomy") == {}
    con.close()
    figures = served(tight)
    assert figures == served(roomy) and len(figures["kpi_values"]) > 1000


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_the_search_finds_what_is_spilled_in_the_clear(tmp_path: Path, is_encrypted: bool) -> None:
    """The control of the test above: the same search, spills without encryption."""
    con = connect(tmp_path, memory_limit="130MB")
    con.execute(f"SET temp_file_encryption = {is_encrypted}")
    with watched(tmp_path, PLANTED) as watch:
        con.execute(f"CREATE TEMP TABLE t AS SELECT {literal(PLANTED)} || md5(i::VARCHAR) AS x FROM range(900000) r(i)")
        con.execute("CREATE TEMP TABLE u AS FROM t ORDER BY hash(x)")
        seen = watch.seen()
    con.close()
    assert spills(seen) and any(seen.files.values()) != is_encrypted
