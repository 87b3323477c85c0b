"""Growth in the table of benchmarks: a size is compared with those before it, the first with none.

Keep out: measuring.
"""

from tests.bench.pipeline_measure import _growth
from tests.bench.runs import Run


def peaks(*found: tuple[int, float]) -> list[tuple[str, bool | None]]:
    rows = _growth([(records, Run(100.0, 100.0, peak)) for records, peak in found])
    return [(row.target, row.met) for row in rows if row.name.startswith("peak")]


def test_memory_of_one_size_is_not_called_flat() -> None:
    flat = "flat within 25 %, < 4,000"
    assert peaks((100_000, 900.0), (1_000_000, 3_000.0)) == [("< 4,000", True)]
    assert peaks((1_000_000, 3_000.0), (5_000_000, 3_700.0)) == [("< 4,000", True), (flat, True)]
    assert peaks((1_000_000, 3_000.0), (5_000_000, 3_800.0)) == [("< 4,000", True), (flat, False)]
    assert peaks((1_000_000, 4_100.0)) == [("< 4,000", False)]
