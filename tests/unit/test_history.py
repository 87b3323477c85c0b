"""The published history and holding: what a closed period keeps, what is restated and why, and what two refreshes tell.

Keep out: the rules of one publication (test_disclosure.py).
"""

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import served_house

from orchestration.engine import load_extension
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.privacy.audit import check_published
from orchestration.privacy.disclosure import CELL, key
from orchestration.serving import publish as publishing
from orchestration.serving.publish import PublishResult, publish, withdraw
from tests.house import died

FIRST = datetime(2026, 7, 20, 1)
ANSWERS = (1500, 1503, 1700)


@dataclass
class Refreshes:
    """Publications one after the other in one home: what each served, cell by cell, and what it said of itself."""

    home: Home
    results: list[PublishResult] = field(default_factory=list)
    shown: list[dict[str, dict[str, Any]]] = field(default_factory=list)

    def add(self, con: duckdb.DuckDBPyConnection, profile: str, **given: Any) -> PublishResult:
        self.results.append(publish(con, self.home, profile, FIRST, **given))
        with duckdb.connect(str(self.home.serving / "kpi.duckdb"), read_only=True) as served:
            result = served.execute(f"SELECT *, {key(CELL)} AS cell FROM kpi_values")
            names = [d[0] for d in result.description]
            rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        self.shown.append({row["cell"]: row for row in rows})
        return self.results[-1]


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> dict[int, duckdb.DuckDBPyConnection]:
    """Warehouses of so many answers: the same ones, and then some."""
    folder, found = tmp_path_factory.mktemp("made"), {}
    for answers in ANSWERS:
        con = found[answers] = served_house.warehouse(folder / str(answers), answers=answers, cases=300, days=300)
        load_extension(con, "httpfs")
        con.execute(
            "DELETE FROM wh.kpis.kpi_values WHERE metric_id <> 'nps' OR period_grain NOT IN ('month', 'quarter', 'all')"
        )
        known_at = FIRST + timedelta(days=answers)
        con.execute(f"UPDATE wh.kpis.kpi_values SET known_at = TIMESTAMP '{known_at}', load_id = 'l{answers}'")
    return found


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory, growing) -> Refreshes:
    done = Refreshes(served_house.home(tmp_path_factory.mktemp("inside")))
    for answers in (1500, 1503, 1503):
        done.add(growing[answers], "internal")
    return done


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, growing) -> Refreshes:
    """1500 answers, three more, then two hundred more."""
    done = Refreshes(served_house.home(tmp_path_factory.mktemp("outside")))
    for answers in (1500, 1503, 1700):
        done.add(growing[answers], "external")
    return done


def said(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["suppressed_reason"], row["n_subjects"], row["n_answered"], row["numerator"]


def one_person_told(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]], least: int) -> list[str]:
    """The attack: figures published twice whose difference is that of fewer than `least` persons, and not of none."""
    return [
        cell
        for cell, row in after.items()
        if row["value"] is not None
        and cell in before
        and before[cell]["value"] is not None
        and said(row) != said(before[cell])
        and abs(row["n_subjects"] - before[cell]["n_subjects"]) < least
    ]


def rests(shown: dict[str, dict[str, Any]]) -> dict[tuple[Any, ...], int]:
    """The attack on totals: what is left of each published one without its published parts, and which those are."""
    totals = {(r["period_grain"], r["period_start"]): r for r in shown.values() if r["breakdown"] == "" and r["value"]}
    found = {}
    for place, total in totals.items():
        for breakdown in ("source", "channel"):
            parts = [
                r
                for r in shown.values()
                if r["breakdown"] == breakdown and (r["period_grain"], r["period_start"]) == place and r["value"]
            ]
            known = tuple(sorted(r[breakdown] for r in parts))
            found[(*place, breakdown, known)] = total["n_answered"] - sum(r["n_answered"] for r in parts)
    return found


def test_two_refreshes_give_single_persons_away_inside_the_company_only(inside: Refreshes, outside: Refreshes) -> None:
    told = one_person_told(inside.shown[0], inside.shown[1], 10)
    assert len(told) >= 5  # the control: the same attack, where nothing is held
    assert one_person_told(outside.shown[0], outside.shown[1], 11) == []
    assert one_person_told(outside.shown[1], outside.shown[2], 11) == []
    assert one_person_told(outside.shown[0], outside.shown[2], 11) == []
    assert outside.results[1].held.kept > 0 and inside.results[1].held.kept == 0
    assert [r.held.derivable for r in outside.results] == [0, 0, 0]


def test_totals_less_parts_of_two_refreshes_give_no_person_away(inside: Refreshes, outside: Refreshes) -> None:
    def moved(before: dict[str, Any], after: dict[str, Any], least: int) -> list[int]:
        first, second = rests(before), rests(after)
        return [n - first[p] for p, n in second.items() if p in first and 0 < abs(n - first[p]) < least]

    assert moved(outside.shown[0], outside.shown[1], 11) == []
    assert moved(outside.shown[1], outside.shown[2], 11) == []
    assert rests(outside.shown[1])  # the control: there are such totals


def test_a_held_cell_shows_what_it_showed_with_the_date_of_that_time(outside: Refreshes, growing) -> None:
    exact = growing[1503].execute(f"SELECT {key(CELL)}, n_answered FROM wh.kpis.kpi_values").fetchall()
    before, after, later = outside.shown
    held = [c for c, n in exact if before[c]["value"] is not None and before[c]["n_answered"] != n]
    assert len(held) >= 5
    assert all(after[c] == before[c] for c in held)
    moved = [
        c for c in held if later[c]["value"] is not None and later[c]["n_subjects"] >= before[c]["n_subjects"] + 11
    ]
    assert moved and all(later[c]["load_id"] == "l1700" for c in moved)


def test_erasure_goes_before_holding(tmp_path: Path, growing) -> None:
    con, done = growing[1503], Refreshes(served_house.home(tmp_path))
    done.add(growing[1500], "external")
    con.execute("CREATE SCHEMA wh.staging")
    con.execute(
        "CREATE TABLE wh.staging.stg_cases AS SELECT 'l1' AS load_id, 'desk' AS source, "
        "TIMESTAMP '2026-07-20 01:00:00' AS loaded_at, 1 AS version_rank, false AS is_deleted, 'erased' AS withheld_reason"
    )
    try:
        done.add(con, "external")
    finally:
        con.execute("DROP SCHEMA wh.staging CASCADE")
    before, after = done.shown
    exact = con.execute(f"SELECT {key(CELL)}, n_answered FROM wh.kpis.kpi_values").fetchall()
    held = [c for c, n in exact if before[c]["value"] is not None and before[c]["n_answered"] != n]
    assert held and {said(after[c]) for c in held} == {("held", None, None, None)}
    with duckdb.connect(str(done.home.serving / "kpi.duckdb"), read_only=True) as served:
        told = served.execute("SELECT DISTINCT cause, previous_value FROM kpi_restatements").fetchall()
    assert told == [("held", None)]


@pytest.mark.parametrize(
    "reason, purposes, counts",
    [
        ("erased", ["analytics"], True),
        ("purpose", ["restricted:analytics"], True),
        ("purpose", ["service", "restricted:unnamed:analytics"], True),
        ("purpose", ["unnamed:analytics"], True),
        ("purpose", ["service"], False),
        (None, ["analytics", "restricted:service"], False),
    ],
)
def test_what_an_objection_takes_out_of_figures_is_held_on_to_no_more_than_what_an_erasure_does(
    reason: str | None, purposes: list[str], counts: bool
) -> None:
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS wh; CREATE SCHEMA wh.staging")
    con.execute(
        "CREATE TABLE wh.staging.stg_cases AS SELECT ?::VARCHAR AS withheld_reason, ?::VARCHAR[] AS purposes",
        [reason, purposes],
    )
    assert publishing._removals(con, "wh") == counts


def test_a_closed_period_keeps_its_stamps_until_it_says_something_else(inside: Refreshes) -> None:
    before, after, again = inside.shown
    closed = [c for c, r in before.items() if r["is_complete_period"] and r["value"] is not None]
    content = [k for k in next(iter(before.values())) if k not in ("load_id", "known_at", "data_through")]
    same = [c for c in closed if all(after[c][k] == before[c][k] for k in content)]
    changed = [c for c in closed if after[c]["n_answered"] != before[c]["n_answered"]]
    assert len(same) > 10 and {after[c]["load_id"] for c in same} == {"l1500"}
    assert changed and {after[c]["load_id"] for c in changed} == {"l1503"}
    assert {again[c]["load_id"] for c in same} == {"l1500"}


def test_restatements_name_their_cause_and_never_tell_of_fewer_persons_than_the_threshold(
    inside: Refreshes, tmp_path: Path
) -> None:
    first, second, third = inside.results
    assert (first.restated, third.restated) == (0, 0) and second.restated > 0
    served = inside.home.serving / "kpi.duckdb"
    with duckdb.connect(str(served), read_only=True) as con:
        n, least, late, before = con.execute(
            "SELECT count(*), min(abs(more_subjects)), count(*) FILTER (cause = 'late_data' AND value IS NOT NULL), "
            "count(previous_value) + count(difference) FROM kpi_restatements"
        ).fetchone() or (0, 0, 0, 0)
    assert n == second.restated  # told again by the third, which restates nothing itself
    assert least is None or least >= 10
    assert late > 0 and before == 0  # three answers came: beside the figure of now, that of before would tell them
    assert check_published(served)["C15"][1] == 0
    betrayed = shutil.copy(served, tmp_path)
    with duckdb.connect(str(betrayed)) as con:
        con.execute("UPDATE kpi_restatements SET previous_value = 1")
    assert check_published(Path(betrayed))["C15"][1] == n


def test_the_history_is_encrypted_and_profiles_do_not_mix(inside: Refreshes, growing) -> None:
    parts = list((inside.home.root / "published").glob("*.parquet"))
    assert parts and all(p.read_bytes()[:4] == b"PARE" for p in parts)
    fresh = Refreshes(inside.home)
    assert fresh.add(growing[1500], "external").held.kept == 0  # outside, nothing was published before


def drafts(home: Home) -> list[str]:
    return [p.name for p in (home.root / "published").glob("*draft*")]


def parts(home: Home) -> int:
    return len(list((home.root / "published").glob("part-*")))


def test_a_publication_that_was_never_served_is_no_history(tmp_path: Path, growing) -> None:
    done = Refreshes(served_house.home(tmp_path))
    done.add(growing[1500], "internal")
    kept = sorted(p.name for p in (done.home.root / "published").iterdir())
    assert not done.add(growing[1503], "internal", checks=lambda _: ["made_to_fail"]).is_served
    assert drafts(done.home) == []
    assert done.add(growing[1500], "internal").restated == 0
    assert sorted(p.name for p in (done.home.root / "published").iterdir()) == kept


@pytest.mark.parametrize("end", ["refused", "failed", "killed"])
def test_a_first_publication_that_was_never_served_is_no_history(
    tmp_path: Path, growing, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    done = Refreshes(served_house.home(tmp_path))
    if end == "refused":
        publish(growing[1503], done.home, "internal", FIRST, checks=lambda _: ["made_to_fail"])
    else:
        with monkeypatch.context() as patch, pytest.raises(VoicehouseError if end == "failed" else KeyboardInterrupt):
            patch.setattr(publishing, *(("_prove", fail) if end == "failed" else ("swap", died)))
            publish(growing[1503], done.home, "internal", FIRST)
    assert bool(drafts(done.home)) == (end == "killed")
    assert done.add(growing[1500], "internal").restated == 0
    assert drafts(done.home) == [] and parts(done.home) == 1


def fail(*_: object) -> None:
    raise VoicehouseError("a test")


def test_what_was_served_is_history_though_it_is_withdrawn_before_it_was_noted(
    tmp_path: Path, growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Refreshes(served_house.home(tmp_path))
    done.add(growing[1500], "internal")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(publishing, "commit", died)
        publish(growing[1503], done.home, "internal", FIRST)
    assert drafts(done.home) and parts(done.home) == 1
    withdraw(done.home, "a test")
    assert not drafts(done.home) and parts(done.home) == 2
    assert done.add(growing[1503], "internal").restated == 0
