"""k, l and t in SQL against plain Python written from the definitions, on random tables.

Keep out: what is done with them (tests/unit/test_export.py). pycanon 1.3 needs pandas below 3 and cannot stand in this
environment; its answers on the tables of `pycanon_tables.json` were computed in one of its own.
"""

import json
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.privacy.anonymity import Anonymity, measure

rows = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 4)),
    min_size=1,
    max_size=60,
)


def measured(table: list[tuple], as_words: bool) -> Anonymity:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t (subject BIGINT, q1 VARCHAR, q2 VARCHAR, v {'VARCHAR' if as_words else 'BIGINT'})")
    con.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)", [(s, a, b, f"v{v}" if as_words else v) for s, a, b, v in table]
    )
    return measure(con, "t", "subject", ("q1", "q2"), "v")


def by_definition(table: list[tuple], as_words: bool) -> tuple[int, int, float]:
    stands = defaultdict(set)
    for subject, a, b, _ in table:
        stands[subject].add((a, b))
    classes = defaultdict(list)
    for subject, a, b, v in table:
        classes[a, b, frozenset(stands[subject])].append((subject, v))
    values = sorted({row[3] for row in table})
    overall = [sum(row[3] == v for row in table) / len(table) for v in values]
    t = 0.0
    for members in classes.values():
        gaps = [
            sum(v == value for _, v in members) / len(members) - p for value, p in zip(values, overall, strict=True)
        ]
        if as_words:
            distance = sum(map(abs, gaps)) / 2
        else:
            distance = sum(abs(sum(gaps[: i + 1])) for i in range(len(gaps))) / max(len(values) - 1, 1)
        t = max(t, distance)
    k = min(len({s for s, _ in members}) for members in classes.values())
    return k, min(len({v for _, v in members}) for members in classes.values()), t


@given(table=rows, as_words=st.booleans())
@settings(max_examples=60, deadline=None)
def test_measures_follow_their_definitions(table: list[tuple], as_words: bool) -> None:
    found = measured(table, as_words)
    k, diversity, t = by_definition(table, as_words)
    assert (found.k_persons, found.l_values) == (k, diversity)
    assert found.t_distance == pytest.approx(t)


@pytest.mark.parametrize("case", json.loads((Path(__file__).parent / "pycanon_tables.json").read_text()))
def test_measures_equal_those_of_pycanon(case: dict) -> None:
    found = measured([tuple(row) for row in case["rows"]], case["as_words"])
    assert [found.k_persons, found.l_values] == [case["k"], case["l"]]
    assert found.t_distance == pytest.approx(case["t"], abs=1e-9)
