"""Whatever order loads come in, every fact, dimension and mart is the same.

Keep out: single resolutions (tests/properties).
"""

from pathlib import Path
from typing import Any

import pytest

from orchestration import pipeline
from tests import same_content
from tests.house import emptied, write_source
from tests.integration.test_gate import lines
from tests.same_content import Table, Tables, differences

PERSON = """
    raw ->> '$.account' as person_account_id, raw ->> '$.email' as person_email, 'true' as person_email_verified,
    raw ->> '$.phone' as person_phone, 'DE' as person_country
"""
SQL = {
    "order": f"""
select
    _record, raw ->> '$.id' as order_id, parse_iso(raw ->> '$.at') as ordered_at, 'purchase' as order_type,
    raw ->> '$.amount' as amount, 'EUR' as currency, {PERSON}
from rows where raw ->> '$.what' = 'order'
""",
    "case": f"""
select
    _record, raw ->> '$.id' as case_id, parse_iso(raw ->> '$.at') as opened_at, 'web' as channel,
    'question' as case_type, raw ->> '$.status' as status, parse_iso(raw ->> '$.replied') as first_replied_at,
    parse_iso(raw ->> '$.resolved') as resolved_at, parse_iso(raw ->> '$.updated') as updated_at, {PERSON}
from rows where raw ->> '$.what' = 'case'
""",
    "survey_answer": f"""
select
    _record, raw ->> '$.id' as answer_id, raw ->> '$.id' as response_id, 'pulse' as survey_id, 'overall' as question_id,
    parse_iso(raw ->> '$.at') as answered_at, raw ->> '$.score' as score, raw ->> '$.case' as case_id, {PERSON}
from rows where raw ->> '$.what' = 'answer'
""",
    "question": """
select
    _record, 'pulse' as survey_id, 'overall' as question_id, 'csat' as metric, 'csat_5' as scale_id, 1 as scale_min,
    5 as scale_max, 'How was it?' as text_en
from rows where raw ->> '$.what' = 'question'
""",
}
SHARED = "desk@firm.example"


def at(month: int, day: int = 3) -> str:
    return f"2025-{month:02d}-{day:02d}T00:00:00Z"


def order(number: int, month: int, **who: str) -> dict[str, Any]:
    return {"what": "order", "id": f"O{number}", "at": at(month), "amount": str(10 + number), **who}


def case(number: int, month: int, **given: str) -> dict[str, Any]:
    return {"what": "case", "id": f"T{number}", "at": at(month), "updated": at(month), "status": "open", **given}


def resolved(number: int, month: int, **given: str) -> dict[str, Any]:
    told = {"status": "resolved", "replied": at(month, 4), "resolved": at(month, 6), "updated": at(month, 6)}
    return case(number, month, **told, **given)


def answer(number: int, month: int, score: int, **given: str) -> dict[str, Any]:
    return {"what": "answer", "id": f"S{number}", "at": at(month, 9), "score": str(score), **given}


# Seven accounts that share a mailbox, who also write from it; two proved one late; one with a number alone.
# A case of an account, answers from an address, and later the order that proves them one person's; a case that is
# told twice, and an answer about it before the case itself where the loads come the other way round.
LOADS = [
    [order(10 * n, n, account=f"A{n}", email=SHARED) for n in (1, 2, 3)]
    + [order(1, 1, email=SHARED), case(1, 2, account="C1"), case(2, 3, account="A2")],
    [order(10 * n, n, account=f"A{n}", email=SHARED) for n in (4, 5, 6, 7)]
    + [answer(1, 2, 2, email="c@example.org"), answer(2, 5, 5, email="c@example.org"), answer(3, 5, 4, account="B1")],
    [order(2, 2, account="B1"), order(3, 3, email="b@example.org"), order(4, 4, phone="+4915112345678", email=SHARED)]
    + [resolved(2, 3, account="A2"), answer(4, 3, 1, account="A2", case="T2"), answer(5, 6, 3, email="b@example.org")],
    [order(5, 5, account="B1", email="b@example.org"), order(6, 6, phone="+4915112345678")]
    + [order(7, 7, account="C1", email="c@example.org"), resolved(3, 7, email="c@example.org"), {"what": "question"}],
]
ORDERS = ([0, 1, 2, 3], [3, 1, 2, 0], [2, 3, 0, 1])


@pytest.mark.slow
def test_shuffled_loads_give_the_same_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEHOUSE_MASTER_KEY", raising=False)
    found = [marts(tmp_path, order_of_loads, monkeypatch) for order_of_loads in ORDERS]
    assert [differences(found[0], other) for other in found[1:]] == [{}, {}]
    assert persons(found[0], "core.fct_orders") == (10, 14)
    assert persons(found[0], "core.fct_cases") == (2, 3)
    for mart in ("kpi_retention_cohorts", "kpi_csat", "kpi_resolution_time", "kpi_churn"):
        assert found[0][f"kpis.{mart}"].rows, mart


def marts(folder: Path, order_of_loads: list[int], monkeypatch: pytest.MonkeyPatch) -> Tables:
    """What the models make of the loads in this order, in an empty home."""
    house = emptied(folder / "house")
    write_source(house.sources, "shop", SQL)
    for second, i in enumerate(order_of_loads):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-01-01T00:00:{second:02d}Z")
        house.drop(f"rows_{i}.jsonl", lines(*LOADS[i]))
        house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    house.build()
    return {name: without_loads(table) for name, table in same_content.marts(house.home, house.keyring).items()}


def without_loads(table: Table) -> Table:
    """A table without the names of loads: which load brought a row is what differs here."""
    kept = [i for i, name in enumerate(table.columns) if name not in ("load", "load_id")]
    return Table(tuple(table.columns[i] for i in kept), [tuple(row[i] for i in kept) for row in table.rows])


def persons(tables: Tables, fact: str) -> tuple[int, int]:
    """How many persons and rows a fact has; the one that came from the mailbox alone is nobody's."""
    column = tables[fact].columns.index("subject_key")
    rows = tables[fact].rows
    return len({row[column] for row in rows} - {None}), len(rows)
