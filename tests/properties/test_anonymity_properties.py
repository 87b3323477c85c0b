"""k, l and t in SQL against plain Python written from the definitions, on random tables.

Keep out: what is done with them (tests/unit/test_export.py). pycanon 1.3.6 fixes numpy 2.0.2 and needs pandas below 3:
it cannot stand in this environment. Where the bench environment is there (`make bench` makes it; or VOICEHOUSE_PYCANON
names an interpreter that has pycanon) it is asked of new tables each time; its answers on some are frozen in
`pycanon_tables.json`.
"""

import json
import os
import random
import subprocess
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.privacy.anonymity import Anonymity, measure

HERE = Path(__file__).parent
PYCANON = Path(os.environ.get("VOICEHOUSE_PYCANON") or HERE.parents[1] / ".venv-bench" / "bin" / "python")
TABLES = 200

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


@pytest.mark.parametrize("case", json.loads((HERE / "pycanon_tables.json").read_text()))
def test_measures_equal_those_of_pycanon(case: dict) -> None:
    found = measured([tuple(row) for row in case["rows"]], case["as_words"])
    assert [found.k_persons, found.l_values] == [case["k"], case["l"]]
    assert found.t_distance == pytest.approx(case["t"], abs=1e-9)


def drawn(rng: random.Random) -> dict:
    """A table with a row a person, of two quasi-identifiers and a value of which there are two at least."""
    n, values = rng.randint(2, 120), rng.randint(2, 8)
    q1, q2 = "abcde"[: rng.randint(1, 5)], "xyz"[: rng.randint(1, 3)]
    rest = [(rng.choice(q1), rng.choice(q2), int(values * rng.random() ** rng.choice((1, 2)))) for _ in range(n - 2)]
    table = [(q1[0], q2[0], 0), (q1[-1], q2[-1], values - 1), *rest]
    return {"rows": [[i, *row] for i, row in enumerate(table)], "as_words": rng.random() < 0.5}


def test_measures_equal_those_of_pycanon_on_tables_never_seen() -> None:
    is_there = (
        PYCANON.exists() and not subprocess.run([PYCANON, "-c", "import pycanon"], capture_output=True).returncode
    )
    if not is_there:
        pytest.skip("no environment with pycanon: `make bench` makes one, not for Python 3.13")
    seed = 7 if os.environ.get("CI") else random.randrange(10**9)
    rng = random.Random(seed)
    asked = json.dumps([drawn(rng) for _ in range(TABLES)])
    done = subprocess.run(
        [PYCANON, HERE / "pycanon_answers.py"], input=asked, capture_output=True, text=True, check=True
    )
    for number, case in enumerate(json.loads(done.stdout)):
        found = measured([tuple(row) for row in case["rows"]], case["as_words"])
        assert [found.k_persons, found.l_values] == [case["k"], case["l"]], (seed, number)
        assert found.t_distance == pytest.approx(case["t"], abs=1e-9), (seed, number)
