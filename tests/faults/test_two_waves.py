"""The sample company in two runs: its history, then what December brings, late, corrected, deleted, withdrawn, linked.

Keep out: the truth of a single run over both (test_sample_run.py).
"""

from pathlib import Path

import pytest

from orchestration import pipeline, sample
from orchestration.home import House
from orchestration.sample import company, exports, truth
from orchestration.sample.world import World
from tests.house import TestHouse
from tests.sample_company.compared import PARTS, Differing, against_truth

pytestmark = pytest.mark.slow

CUSTOMERS = 250
SOURCES = Path(sample.__file__).parent / "sources"


def run(house: TestHouse) -> None:
    """The steps of a run up to the exact marts, in its order; nothing goes wrong in any."""
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    pipeline.expire(house.home, house.keyring, "test")
    house.build()


def compared(house: TestHouse, folder: Path) -> tuple[list[Differing], int, int]:
    with pipeline.open_warehouse(house.home, house.keyring) as con:
        # What was taken in before a person withdrew was never refused: it leaves, and n_excluded_consent does not tell
        # it.
        told = [p for p in PARTS if p != "n_excluded_consent"]
        return against_truth(con, folder / "kpis.parquet", told)


def what_december_brings(world: World) -> dict[str, int]:
    """How many of each there are in the second wave."""
    fated = "(select fate(purchase, b.at) as fate from purchase as b)"
    return {
        "late": world.count(f"(select 1 from {fated} where fate = 'late')"),
        "corrected": world.count(f"(select 1 from {fated} where fate = 'corrected')"),
        "deleted cases": world.count("(select 1 from case_ where is_deleted)"),
        "erased persons": world.count("erasure"),
        "withdrawn": world.count(f"(select 1 from consent where action = 'withdraw' and given_at >= {exports.CUT})"),
        "linked late": world.count("(select 1 from account where verified_from = 2)"),
    }


def test_two_runs_come_to_the_truth_of_the_whole_world(tmp_path: Path) -> None:
    world = company.build(customers=CUSTOMERS)
    assert min(what_december_brings(world).values()) > 0, what_december_brings(world)
    house = TestHouse(tmp_path / "house")
    house.home.furnish(House((str(SOURCES),), str(house.inbox), "Asia/Shanghai", "internal"), anew=True)
    sample.write_reference(house.home.root / "reference")
    truth.write(world, tmp_path / "truth", (1, 2))

    exports.write(world, house.inbox, (1,))
    run(house)
    wrong, _, _ = compared(house, tmp_path / "truth")
    assert {w[0] for w in wrong} >= {"csat", "resolution_hours", "retention_rate", "mentions"}  # the control

    exports.write(world, house.inbox, (2,))
    run(house)
    checks = pipeline.check_privacy(house.home, house.keyring)
    assert [c.check_id for c in checks if c.status == "failed" and c.is_blocking] == []
    wrong, n, measured = compared(house, tmp_path / "truth")
    assert wrong == []
    assert n > 80_000 and measured > 80_000
    assert house.rows("select count(*) from lake._subjects where reason = 'merge'")[0][0] > 0
