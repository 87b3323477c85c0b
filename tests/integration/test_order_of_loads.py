"""Whatever order loads come in, persons and marts are the same. Keep out: single resolutions (tests/properties)."""

import json
from pathlib import Path

import pytest

from orchestration import modelling, pipeline
from tests.house import TestHouse, write_source
from tests.integration.test_gate import lines

ORDER = """
select
    _record, raw ->> '$.id' as order_id, raw ->> '$.at' as ordered_at, 'purchase' as order_type, raw ->> '$.amount' as amount,
    'EUR' as currency, raw ->> '$.account' as person_account_id, raw ->> '$.email' as person_email,
    'true' as person_email_verified, raw ->> '$.phone' as person_phone, 'DE' as person_country
from rows
"""
SHARED = "desk@firm.example"


def order(number: int, month: int, **who: str) -> dict[str, object]:
    return {"id": f"O{number}", "at": f"2025-{month:02d}-03T00:00:00Z", "amount": str(10 + number), **who}


# Seven accounts that share a mailbox, who also write from it; two proved one late; one with a number alone.
LOADS = [
    [order(10 * n, n, account=f"A{n}", email=SHARED) for n in (1, 2, 3)] + [order(1, 1, email=SHARED)],
    [order(10 * n, n, account=f"A{n}", email=SHARED) for n in (4, 5, 6, 7)],
    [order(2, 2, account="B1"), order(3, 3, email="b@example.org"), order(4, 4, phone="+4915112345678", email=SHARED)],
    [order(5, 5, account="B1", email="b@example.org"), order(6, 6, phone="+4915112345678")],
]


@pytest.mark.slow
def test_shuffled_loads_give_the_same_marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEHOUSE_MASTER_KEY", raising=False)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T00:00:00Z")
    found = []
    for n, order_of_loads in enumerate(([0, 1, 2, 3], [3, 1, 2, 0])):
        house = TestHouse(tmp_path / str(n))
        write_source(house.sources, "shop", {"order": ORDER})
        for i in order_of_loads:
            monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-01-01T00:00:{len(list(house.inbox.iterdir())):02d}Z")
            house.drop(f"rows_{i}.jsonl", lines(*LOADS[i]))
            house.take()
        found.append(marts(house))
    assert found[0] == found[1]
    values = {row[0]: row for row in found[0]["kpi_retention_cohorts"]}
    assert len(values) > 0 and found[0]["persons"] == [(9, 13)]


def marts(house: TestHouse) -> dict[str, list[tuple]]:
    """What the models make of the persons, without stamps of loads."""
    arguments = [
        "build",
        "--select",
        "+kpi_retention_cohorts",
        "+fct_orders",
        "--exclude-resource-type",
        "unit_test",
        "test",
    ]
    variables = json.dumps(modelling.variables(house.home))
    modelling.run(house.home, [*arguments, "--vars", variables], modelling.environment(house.home, house.keyring))
    con = pipeline.open_warehouse(house.home, house.keyring)
    try:
        columns = [r[0] for r in con.execute("describe wh.kpis.kpi_retention_cohorts").fetchall()]
        kept = ", ".join(f'"{c}"::varchar' for c in columns if c not in ("known_at", "load_id", "data_through"))
        return {
            "kpi_retention_cohorts": con.execute(
                f"select {kept} from wh.kpis.kpi_retention_cohorts order by all"
            ).fetchall(),
            "persons": con.execute("select count(distinct subject_key), count(*) from wh.core.fct_orders").fetchall(),
            "sizes": con.execute(
                "select count(*) as n from wh.core.fct_orders group by subject_key order by n"
            ).fetchall(),
        }
    finally:
        con.close()
