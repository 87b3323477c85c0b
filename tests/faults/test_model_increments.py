"""Any sequence of events, in any order of loads: increments come to what a build from nothing makes.

Keep out: the cases known by name (tests/faults/test_increments_by_name.py).
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from orchestration.engine import connect
from tests.protected_lake import (
    ROW_LEVEL,
    ProtectedLake,
    Versions,
    answer,
    case,
    consent,
    deletion,
    differences,
    orders,
    review,
)

SOURCES = ("desk", "shop")


def any_load(random: Random, load: int, source: str) -> dict[str, Versions]:
    """What one load may bring: versions in any order, corrections, tombstones of what is, was or will be."""

    def key(stem: str, of: str = source) -> str:
        return f"{of}-{stem}{random.randint(0, 5)}"  # a key names its source: those of two are never equal

    def day() -> str:
        return f"2025-0{random.randint(1, 5)}-1{random.randint(0, 9)}"

    def some(make: Callable[[int], dict[str, str]]) -> Versions:
        return [make(n) for n in range(random.randint(1, 4))]

    def a_case(n: int) -> dict[str, str]:
        version = random.randint(1, 9)
        return case(key("c"), version, f"p{random.randint(0, 5)}", day(), day())

    def a_deletion(n: int) -> dict[str, str]:
        kind, stem = random.choice(
            [("case", "c"), ("review", "r"), ("survey_answer", "a"), ("person", "p"), ("consent", "k")]
        )
        named = f"k{random.randint(0, 4)}0" if kind == "consent" else key(stem, random.choice(SOURCES))
        return deletion(f"d{load}{n}", kind, named, day(), f"p{random.randint(0, 5)}")

    def an_answer(n: int) -> dict[str, str]:
        name = key("a")
        return {
            **answer(name, f"{source}-s{random.randint(0, 2)}", f"p{name[-1]}"),
            "content_hash": f"'{name}{load}{n}'",
        }

    def a_consent(n: int) -> dict[str, str]:
        return consent(f"k{load}{n}", f"p{random.randint(0, 5)}", random.choice(["grant", "withdraw"]), day())

    brings: dict[str, Callable[[], Versions]] = {
        "case": lambda: some(a_case),
        "deletion": lambda: some(a_deletion),
        "survey_answer": lambda: some(an_answer),
        "consent": lambda: some(a_consent),
        "review": lambda: some(lambda n: review(key("r"), f"p{random.randint(0, 5)}", day())),
        "order": lambda: orders(str(load), basis="consent"),
    }
    return {kind: make() for kind, make in brings.items() if random.random() < 0.7}


@pytest.mark.parametrize("seed", range(3))
def test_increments_in_any_order_equal_a_build_from_nothing(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    loads = [(f"l{n}", source, any_load(random, n, source)) for n, source in enumerate(SOURCES * 2)]
    random.shuffle(loads)
    lake = ProtectedLake(tmp_path / "home")
    for n, (name, source, given) in enumerate(loads):
        lake.commit(name, source, f"2025-06-0{n + 1}", given)
        if n and random.random() < 0.6:
            # merged, parted again, or nobody's
            keys = random.sample([f"p{i}" for i in range(6)], 2)
            lake.subjects({keys[0]: random.choice([keys[1], keys[0], None])}, f"2025-06-0{n + 1}")
        assert (lake.build(*ROW_LEVEL).why_full == "") == (n > 0)
    shutil.copy(lake.home.warehouse, tmp_path / "increments.duckdb")
    lake.home.warehouse.unlink()
    lake.build(*ROW_LEVEL)
    con = connect(lake.home.temp)
    try:
        lake.attach(con, tmp_path / "increments.duckdb", "step_by_step")
        lake.attach(con, lake.home.warehouse, "at_once")
        assert differences(con, "step_by_step", "at_once", leave_out=("int_touched_subjects",)) == {}
    finally:
        con.close()
