"""Increment after increment the warehouse is what a build from nothing would make. Keep out: figures."""

import shutil
from pathlib import Path

import pytest

from orchestration import pipeline
from orchestration.engine import connect
from tests.protected_lake import (
    ROW_LEVEL,
    ProtectedLake,
    answer,
    case,
    consent,
    deletion,
    differences,
    orders,
    review,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> ProtectedLake:
    """Five loads, each built on what stood; then the same lake built from nothing, beside it."""
    lake = ProtectedLake(tmp_path_factory.mktemp("increments") / "home")
    builds = []

    lake.commit("l1", "desk", "2025-06-01", {
        "case": [case(f"c{i}", 1, f"p{i}", "2025-02-01", "2025-01-15") for i in range(6)],
        "case_event": [
            {"event_key": f"'e{i}'", "case_key": f"'c{i}'", "event_type": "'message_out'", "author_role": "'agent'",
             "occurred_at": "timestamp '2025-01-16'", "updated_at": "timestamp '2025-01-16'", "subject_key": f"'p{i}'",
             "content_hash": f"'e{i}'", "is_public": "true", "is_automatic": "false"} for i in range(6)],
        "order": orders("012345") + orders("678", basis="consent"),
        "review": [review(f"r{i}", f"p{i}", "2025-03-01") for i in range(6)],
        "consent": [consent("k7", "p7", "withdraw", "2025-05-01")],
        "survey_answer": [answer(f"a{i}{q}", f"s{i}", f"p{i}") for i in range(6) for q in range(2)],
    })  # fmt: skip
    builds.append(lake.build(*ROW_LEVEL))

    # a correction a year old, a version that comes late, a deletion, a deletion before its record
    lake.commit("l2", "desk", "2025-06-02", {
        "case": [case("c0", 3, "p0", "2025-05-30", "2024-01-15"), case("c0", 2, "p0", "2025-05-01", "2025-01-15")],
        "deletion": [
            deletion("d1", "case", "c3", "2025-06-01"), deletion("d2", "review", "r9", "2025-06-01"),
            deletion("d4", "survey_answer", "a10", "2025-06-01"),
        ],
        "survey_answer": [{**answer("a20", "s3", "p2"), "source_version": "2", "content_hash": "'a20 moved'"}],
    })  # fmt: skip
    builds.append(lake.build(*ROW_LEVEL))

    # the deleted record comes, one returns, one withdraws, one grants again
    lake.commit("l3", "desk", "2025-06-03", {
        "case": [case("c3", 2, "p3", "2025-06-02", "2025-01-15")],
        "review": [review("r9", "p3", "2025-05-01")],
        "consent": [consent("k6", "p6", "withdraw", "2025-06-02"), consent("k72", "p7", "grant", "2025-06-02")],
        "order": [{**orders("9")[0], "retain_until": "timestamp '2025-06-04'"}],
    })  # fmt: skip
    builds.append(lake.build(*ROW_LEVEL))

    # two turn out to be one, whose withdrawal then holds for both; one is gone; a term has ended
    lake.commit("l4", "desk", "2025-06-05", {"deletion": [deletion("d3", "person", "", "2025-06-04", "p5")]})
    lake.subjects({"p8": "p6", "p1": "p0"}, "2025-06-05")
    builds.append(lake.build(*ROW_LEVEL))

    # they were not one after all
    lake.commit("l5", "shop", "2025-06-06", {"order": [{**orders("2")[0], "order_key": "'s21'"}]})
    lake.subjects({"p8": "p8"}, "2025-06-06")
    builds.append(lake.build(*ROW_LEVEL))

    shutil.copy(lake.home.warehouse, lake.home.root / "increments.duckdb")
    lake.home.warehouse.unlink()
    builds.append(lake.build(*ROW_LEVEL))
    assert [b.why_full == "" for b in builds] == [False, True, True, True, True, False]
    return lake


def test_every_table_equals_a_full_build(lake: ProtectedLake) -> None:
    con = connect(lake.home.temp)
    try:
        lake.attach(con, lake.home.root / "increments.duckdb", "step_by_step")
        lake.attach(con, lake.home.warehouse, "at_once")
        # what the build looked at again is no part of what it made
        assert differences(con, "step_by_step", "at_once", leave_out=("int_touched_subjects",)) == {}
    finally:
        con.close()


def test_increments_left_alone_what_nothing_touched(lake: ProtectedLake) -> None:
    con = connect(lake.home.temp)
    try:
        lake.attach(con, lake.home.root / "increments.duckdb", "wh")
        built = dict(con.execute("SELECT case_key, max(modelled_in) FROM wh.staging.stg_cases GROUP BY 1").fetchall())
        assert built == {"c0": 3, "c1": 3, "c2": 0, "c3": 2, "c4": 0, "c5": 3}
    finally:
        con.close()


def test_what_the_events_come_to(lake: ProtectedLake) -> None:
    """The control: the sequence does what its comments say."""
    with pipeline.open_warehouse(lake.home, lake.keyring) as con:
        cases = {k for (k,) in con.execute("SELECT case_key FROM wh.core.fct_cases").fetchall()}
        assert cases == {"c0", "c1", "c2", "c3", "c4"}
        opened = con.execute("SELECT year(opened_at) FROM wh.core.fct_cases WHERE case_key = 'c0'").fetchone()
        assert opened == (2024,)
        assert con.execute("SELECT count(*) FROM wh.core.fct_reviews WHERE review_key = 'r9'").fetchone() == (0,)
        held = con.execute(
            "SELECT DISTINCT left(order_key, 2), withheld_reason FROM wh.staging.stg_orders WHERE withheld_reason IS NOT NULL"
        ).fetchall()
        assert sorted(held) == [("o6", "withdrawn"), ("o9", "expired")]


def test_a_past_that_was_rewritten_asks_for_a_full_build(lake: ProtectedLake) -> None:
    path: Path = lake.home.lake / "_commits" / "l2.json"
    before = path.read_text()
    path.write_text(before + "\n")
    with pytest.raises(ZeroDivisionError), lake_building(lake) as build:
        assert build.why_full == "the lake's past was rewritten"
        raise ZeroDivisionError  # the build breaks off
    path.write_text(before)
    with lake_building(lake) as build:
        assert build.why_full == "there is no finished build to build on"
    with lake_building(lake) as build:
        assert build.why_full == ""


def lake_building(lake: ProtectedLake):
    from orchestration import modelling

    return modelling.building(lake.home, lake.keyring)
