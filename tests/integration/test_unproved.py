"""Rows that prove nobody: counted by how they are written, and never taken for a person. Keep out: who is proved."""

import json
from pathlib import Path

from tests.house import TestHouse, write_source

POST = """
select
    _record, raw ->> '$.id' as mention_id, 'weibo' as channel, raw ->> '$.by' as person_handle,
    raw ->> '$.email' as person_email, parse_iso('2025-03-05T00:00:00Z') as posted_at, raw ->> '$.account' as person_account_id
from {stream}
"""
# By whom each post says it is, and whether the account stands behind it.
POSTS = (
    *({"by": "@lou"} for _ in range(5)),
    {"by": " @LOU "},
    {"by": "@kim"},
    {"by": "匿名用户"},
    {"by": "匿名用户"},
    {"by": "Anonymous", "email": "Kim@Example.org"},
    {"email": "kim@example.org "},
    {"by": "@kim", "account": "7"},
)


def posted(house: TestHouse, stream: str) -> None:
    told = [{"id": str(n), "by": None, "email": None, "account": None} | post for n, post in enumerate(POSTS)]
    house.drop(f"{stream}.jsonl", "".join(json.dumps(post, ensure_ascii=False) + "\n" for post in told))


def test_rows_of_one_handle_are_one_author_at_one_source(tmp_path: Path) -> None:
    house = TestHouse(tmp_path)
    for stream in ("here", "there"):
        write_source(house.sources, stream, {"mention": POST.format(stream=stream)}, stream=stream)
        posted(house, stream)
    house.take()
    (each,) = house.rows(
        "select count(*), count(unproved_key), count(subject_key), count(*) filter (subject_basis = 'record'), "
        "count(distinct unproved_key) from lake.mention"
    )
    # At each source: one account, two rows by nobody, and three authors (@lou six times, @kim, an address twice).
    assert each == (24, 18, 2, 22, 6)
    sizes = house.rows(
        "select source, list_sort(list(n)) from (select source, unproved_key, count(*) as n from lake.mention "
        "where unproved_key is not null group by all) group by 1 order by 1"
    )
    assert sizes == [("here", [1, 2, 6]), ("there", [1, 2, 6])]
    assert house.rows(
        "select count(*) from lake.mention where unproved_key in (select subject_key from lake.mention)"
    ) == [(0,)]


def test_authors_are_counted_in_the_cells_and_share_no_key_with_the_next_home(tmp_path: Path) -> None:
    keys = []
    for name in ("one", "two"):
        house = TestHouse(tmp_path / name)
        write_source(house.sources, "here", {"mention": POST.format(stream="here")}, stream="here")
        posted(house, "here")
        house.take()
        keys.append(
            {key for (key,) in house.rows("select unproved_key from lake.mention where unproved_key is not null")}
        )
    assert len(keys[0]) == 3 and not keys[0] & keys[1]
    house.build()
    from orchestration import pipeline

    with pipeline.open_warehouse(house.home, house.keyring) as con:
        found = con.execute(
            "select n_subjects, subject_basis, value from wh.kpis.kpi_social where metric_id = 'mentions' "
            "and period_grain = 'all' and breakdown = ''"
        ).fetchall()
    assert found == [(6, "record", 12.0)]
