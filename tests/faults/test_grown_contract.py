"""A contract that grew: a home with old files reads under the new one, a new field as null, a new kind as no rows.

Keep out: what the gate does to rows.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestration import modelling, pipeline
from orchestration.lake import audit
from orchestration.lake.store import Lake
from orchestration.records import KINDS
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

GROWN = CASE.replace("raw ->> '$.updated'", "raw ->> '$.reopened' as reopen_count, raw ->> '$.updated'")


@pytest.fixture
def old_house(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestHouse]:
    """A house whose files were written before cases knew reopen_count and is_timely, and before there were calls."""
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", lines(case(1), case(2)))
    in_order = dict(KINDS)
    with monkeypatch.context() as before:
        fields = tuple(f for f in KINDS["case"].fields if f.name not in ("reopen_count", "is_timely"))
        before.setitem(KINDS, "case", replace(KINDS["case"], fields=fields))
        before.delitem(KINDS, "call")
        audit._suite.cache_clear()
        house.take()
    KINDS.clear()
    KINDS.update(in_order)  # a kind that comes back would stand last, and pages list kinds in their order
    audit._suite.cache_clear()
    yield house


def test_old_files_read_beside_new_ones(old_house: TestHouse) -> None:
    assert old_house.rows("select reopen_count, is_timely from lake.case") == [(None, None), (None, None)]
    assert old_house.rows("select count(*) from lake.call") == [(0,)]
    (old_house.sources / "desk" / "case.sql").write_text(GROWN)
    old_house.drop("rows_2.jsonl", lines(case(3, reopened=7)))
    old_house.take()
    assert old_house.rows("select reopen_count from lake.case order by 1 nulls first") == [(None,), (None,), (7,)]
    assert pipeline.ledger_faults(old_house.home, old_house.keyring) == []


def test_rows_without_the_new_field_stay_duplicates(old_house: TestHouse) -> None:
    (old_house.sources / "desk" / "case.sql").write_text(GROWN)
    old_house.drop("rows_1.jsonl", lines(case(1), case(2), case(3)))
    old_house.take()
    assert old_house.rows("select count(*) from lake.case") == [(3,)]
    assert old_house.ledger()[("case", "duplicate", "")] == 2


def test_old_and_new_files_pack_together(old_house: TestHouse) -> None:
    from orchestration.engine import connect
    from orchestration.lake.rewrite import compact

    (old_house.sources / "desk" / "case.sql").write_text(GROWN)
    old_house.drop("rows_2.jsonl", lines(case(3, reopened=7)))
    old_house.take()
    lake = Lake(old_house.home, old_house.keyring.base64("lake"))
    with connect(old_house.home.temp) as con:
        compact(con, lake)
    assert len(lake.parts("case")) == 1
    assert old_house.rows("select reopen_count from lake.case order by 1 nulls first") == [(None,), (None,), (7,)]


def test_models_read_old_files_under_the_grown_contract(old_house: TestHouse) -> None:
    (old_house.sources / "desk" / "case.sql").write_text(GROWN)
    old_house.drop("rows_2.jsonl", lines(case(3, reopened=7)))
    old_house.take()
    home = old_house.home
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home.root), **modelling.environment(home, old_house.keyring)}
    done = subprocess.run(
        [modelling.executable(), "run", "--select", "+stg_cases", "+stg_calls"],
        env=environment,
        cwd=modelling.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    con = pipeline.open_warehouse(home, old_house.keyring)
    try:
        schema = con.execute(
            "select schema_name from duckdb_tables() where table_name = 'stg_cases' limit 1"
        ).fetchone()
        schema = (
            schema or con.execute("select schema_name from duckdb_views() where view_name = 'stg_cases'").fetchone()
        )
        assert schema
        rows = con.execute(
            f"select reopen_count, is_timely from wh.{schema[0]}.stg_cases order by 1 nulls first"
        ).fetchall()
    finally:
        con.close()
    assert rows == [(None, None), (None, None), (7, None)]
