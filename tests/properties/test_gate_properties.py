"""The gate on any records: nothing lost, nothing shown, nothing twice; whatever the batches and the order of loads.

Keep out: single rules of redaction and resolution (their own properties), what models make of the rows.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestration import pipeline
from orchestration.lake import stage
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, lines

SHOWN = ("zora@example.org", "+4915112345678", "13800138000", "DE89370400440532013000")
RECORD = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["T1", "T2", "T3", "T4", "", None]),
        "at": st.sampled_from(["2025-01-02T03:04:05Z", "2025-03-04T00:00:00Z", "2199-01-01T00:00:00Z", "soon", None]),
        "priority": st.sampled_from(["high", "low", "no such priority", None]),
        "account": st.sampled_from(["A1", "A2", None]),
        "email": st.sampled_from(["zora@example.org", "b@example.org", None]),
        "verified": st.sampled_from(["true", "false", None]),
        "phone": st.sampled_from(["+4915112345678", "not a number", None]),
        "country": st.sampled_from(["CN", "DE", None]),
        "text": st.lists(st.sampled_from([*SHOWN, "my parcel", "请回电", "\u0000\u200b", "𝓗ello"]), max_size=4).map(" / ".join),
    }
)  # fmt: skip
# What else was known of a person when a row came decides the token (<SELF> or <EMAIL>), and the law it came under: of a
# person whose country is told later it stays unknown, whose purposes are the fewest.
WHAT = r"""
select opened_at, priority, regexp_replace(text, '\+?<[A-Z]+>', '<>', 'g') as text, purposes, count(*)
from lake.case group by all order by all
"""


@pytest.mark.slow
@settings(  # an example takes seconds: none is shrunk
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    records=st.lists(RECORD, min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
    n_loads=st.integers(2, 3),
    part=st.sampled_from([1, 3]),
)
def test_records_are_kept_or_counted_and_tell_nobody_however_they_come(
    records: list[dict[str, Any]], order: Any, n_loads: int, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOICEHOUSE_MASTER_KEY", raising=False)
    shuffled = order.sample(records, len(records))
    loads = [shuffled[i::n_loads] for i in range(n_loads)]
    at_once, n_at_once = taken([records], monkeypatch)
    monkeypatch.setattr(stage, "PART_ROWS", part)
    in_parts, n_in_parts = taken([load for load in loads if load], monkeypatch)
    monkeypatch.undo()
    assert at_once == in_parts and n_at_once == n_in_parts
    assert not [value for row in at_once for value in SHOWN if value in (row[2] or "")]


def taken(loads: list[list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple], dict[str, int]]:
    """What the lake holds of these loads, and what the ledger counts as refused; a second run adds nothing."""
    folder = Path(tempfile.mkdtemp())
    try:
        house = TestHouse(folder)
        write_source(house.sources, "desk", {"case": CASE})
        for second, load in enumerate(loads):
            monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-01-01T00:00:{second:02d}Z")
            house.drop(f"rows_{second}.jsonl", lines(*load))
            house.take()
        assert pipeline.Outcomes(house.home, "test").failures == {}
        assert pipeline.ledger_faults(house.home, house.keyring) == []
        held, told = house.rows(WHAT), house.ledger()
        house.take()
        assert (house.rows(WHAT), house.ledger()) == (held, told)
        n_read = sum(n for (_, measure, _), n in told.items() if measure == "read")
        assert n_read == sum(map(len, loads))
        gone = sum(
            n for (name, measure, _), n in told.items() if name == "case" and measure in ("rejected", "duplicate")
        )
        assert sum(row[-1] for row in held) + gone == sum(n for (_, m, _), n in told.items() if m == "emitted")
        return held, {reason: n for (name, m, reason), n in told.items() if name == "case" and m == "rejected"}
    finally:
        shutil.rmtree(folder)
