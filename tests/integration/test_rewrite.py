"""Rewriting the lake: rows go or change under a commit of their own, whole or not at all. Keep out: who asks for it."""

import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.engine import connect
from orchestration.errors import VoicehouseError
from orchestration.lake import rewrite as rewriting
from orchestration.lake.promote import sweep_orphans
from orchestration.lake.rewrite import Change, Rewritten
from orchestration.lake.store import Lake
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines


@pytest.fixture
def filled(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """Three loads of two cases each, one day apart."""
    write_source(house.sources, "desk", {"case": CASE})
    for day in (1, 2, 3):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-01-0{day}T00:00:00Z")
        priority = "urgent" if day < 3 else "low"
        house.drop(f"rows_{day}.jsonl", lines(case(2 * day, priority=priority, text="hello"), case(2 * day + 1)))
        house.take()
    return house


def lake(house: TestHouse, known_at: datetime | None = None) -> Lake:
    return Lake(house.home, house.keyring.base64("lake"), known_at)


def rewrite(house: TestHouse, change: Change, operation: str = "erasure") -> Rewritten:
    con = connect(house.home.temp)
    try:
        return rewriting.rewrite(con, lake(house), operation, {"case": change})
    finally:
        con.close()


def files(house: TestHouse) -> set[Path]:
    return {p.relative_to(house.home.lake) for p in house.home.lake.rglob("*.parquet") if p.name[0] not in "_."}


def test_rows_that_go_stay_counted_as_withheld_and_untouched_files_stay(filled: TestHouse) -> None:
    before = files(filled)
    done = rewrite(filled, Change("priority = 'urgent'", "'erased'"))
    assert (done.files_before, done.files_after, done.gone) == (2, 2, {"case": 2})
    assert filled.rows("select priority, count(*) from lake.case group by 1 order by 1") == [("high", 3), ("low", 1)]
    assert len(files(filled) & before) == 1 and len(files(filled)) == 3
    assert filled.ledger()[("case", "withheld", "erased")] == 2
    assert filled.ledger()[("case", "promoted", "")] == 6
    by_load = filled.rows("select count(distinct load_id), min(n), max(n) from lake._ledger where measure = 'withheld'")
    assert by_load == [(2, 1, 1)]
    assert rewrite(filled, Change("priority = 'urgent'", "'erased'")).commit is None


def test_values_that_change_change_in_the_rows_concerned_only(filled: TestHouse) -> None:
    done = rewrite(filled, Change(becomes={"text": "NULL"}, concerns="loaded_at < TIMESTAMP '2026-01-02'"), "retention")
    assert done.changed == {"case": 2}
    assert filled.rows("select count(*), count(text) from lake.case") == [(6, 2)]
    assert ("case", "withheld", "expired") not in filled.ledger()


def test_a_death_before_the_commit_changes_nothing_and_one_after_it_is_finished(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(filled)
    change = Change("priority = 'urgent'", "'erased'")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "write_durably", die)
        with pytest.raises(KeyboardInterrupt):
            rewrite(filled, change)
    assert filled.rows("select count(*) from lake.case") == [(6,)]
    assert files(filled) > before  # the control: the new files lie there, and nobody counts them
    sweep_orphans(filled.home)
    assert files(filled) == before
    with monkeypatch.context() as patch:
        calls = []
        patch.setattr(rewriting, "sweep_orphans", lambda home: die() if calls else calls.append(home))
        with pytest.raises(KeyboardInterrupt):
            rewrite(filled, change)
    assert filled.rows("select count(*) from lake.case") == [(4,)]
    assert files(filled) > before
    sweep_orphans(filled.home)
    assert len(files(filled)) == 3
    assert filled.rows("select count(*) from lake.case") == [(4,)]
    assert filled.ledger()[("case", "withheld", "erased")] == 2


def test_a_file_that_lost_rows_on_the_way_replaces_nothing(filled: TestHouse) -> None:
    before = files(filled)
    con = connect(filled.home.temp)
    with pytest.raises(VoicehouseError, match="nothing was replaced"):
        rewriting._write_part(
            con,
            _keyed(con, lake(filled)),
            rewriting._Bundle("case", "desk", tuple(lake(filled).parts("case")[:1]), 7),
            Change(),
            filled.home.folder("lake", "case", "source=desk", "load=x") / "part-0.parquet",
            "lake",
        )
    con.close()
    assert files(filled) == before


def _keyed(con: duckdb.DuckDBPyConnection, of: Lake) -> Lake:
    of.open_key(con)
    return of


def test_what_was_known_then_is_still_known_less_what_was_removed(filled: TestHouse) -> None:
    rewrite(filled, Change("priority = 'urgent'", "'erased'"))
    con = connect(filled.home.temp)
    rewriting.compact(con, lake(filled))
    lake(filled, datetime(2026, 1, 2, 12)).register(con)
    assert con.execute("select count(*) from lake.case").fetchone() == (2,)
    assert con.execute("select sum(n) from lake._ledger where measure = 'withheld'").fetchone() == (2,)
    con.close()


def test_small_files_are_packed_together_without_loss_and_only_once(filled: TestHouse) -> None:
    whole = filled.rows("select case_key, load_id, content_hash from lake.case order by all")
    con = connect(filled.home.temp)
    assert rewriting.compactable(lake(filled)) == 3
    done = rewriting.compact(con, lake(filled))
    assert (done.files_before, done.files_after) == (3, 1) and len(files(filled)) == 1
    assert rewriting.compactable(lake(filled)) == 0
    assert rewriting.compact(con, lake(filled)).commit is None
    con.close()
    assert filled.rows("select case_key, load_id, content_hash from lake.case order by all") == whole
    assert len(whole) == 6
    filled.drop("rows_1.jsonl", lines(case(2, priority="urgent", text="hello")))
    filled.take()
    assert filled.ledger()[("case", "duplicate", "")] == 1  # a packed file is known to hold what it holds


def test_a_commit_of_a_rewriting_says_what_it_did_and_no_values(filled: TestHouse) -> None:
    rewrite(filled, Change("priority = 'urgent'", "'erased'"))
    (path,) = (filled.home.lake / "_rewrites").iterdir()
    commit = json.loads(path.read_text())
    assert commit["operation"] == "erasure" and len(commit["replaces"]) == 2 and "hello" not in path.read_text()


def test_the_lake_is_rewritten_for_five_reasons_only(filled: TestHouse) -> None:
    with pytest.raises(VoicehouseError, match="not by correction"):
        rewrite(filled, Change("priority = 'urgent'", "'erased'"), "correction")
