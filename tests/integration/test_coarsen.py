"""Places of before are cut as the gate cuts them now, once. Keep out: how a place is cut (unit/test_place.py)."""

import json

import pytest

from orchestration import pipeline
from orchestration.lake import quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.privacy import coarsen, place
from orchestration.privacy.audit_log import AuditLog
from tests.faults.traces import found_in
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

WITH_PLACE = CASE.replace("as text", "as text, raw ->> '$.region' as region")
PLACES = ("江苏省苏州市昆山市", "江苏省昆山市", "Berlin", None)
KEPT = ["Berlin", "江苏省", "江苏省苏州市", None]


@pytest.fixture
def before(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """A home whose gate kept places as they were filed: one load in the lake, one in quarantine."""
    from orchestration.lake import audit
    from orchestration.lake.audit import AuditResult, CheckResult

    write_source(house.sources, "desk", {"case": WITH_PLACE})
    with monkeypatch.context() as earlier:
        earlier.setattr(place, "PATTERNS", ("^(.*)$",))
        place.version.cache_clear()
        for n, failed in enumerate(((), (CheckResult("planned to fail", False, 4, 1),))):
            earlier.setattr(audit, "audit_batch", lambda *_, failed=failed, **__: AuditResult(failed))
            rows = (case(f"{n}{i}", account=f"A{n}{i}", region=told) for i, told in enumerate(PLACES))
            house.drop(f"rows_{n}.jsonl", lines(*rows))
            house.take()
        pipeline.heed(house.home, house.keyring)
    place.version.cache_clear()
    assert regions(house) == regions(house, "waiting") == sorted(filter(None, PLACES)) + [None]  # the control
    return house


def regions(house: TestHouse, schema: str = "lake") -> list[str | None]:
    from orchestration.engine import connect
    from orchestration.lake.store import Lake

    con = connect(house.home.temp)
    try:
        quarantine.register(con, Lake(house.home, house.keyring.base64("lake")))
        return [r for (r,) in con.execute(f"SELECT region FROM {schema}.case ORDER BY region NULLS LAST").fetchall()]
    finally:
        con.close()


def test_places_of_before_are_cut_in_lake_and_quarantine_and_stand_in_no_file(before: TestHouse) -> None:
    home = before.home
    assert found_in(home, ["昆山市"])
    home.warehouse.touch()
    pipeline.heed(home, before.keyring)
    assert regions(before) == regions(before, "waiting") == KEPT and not home.warehouse.exists()
    assert found_in(home, ["昆山市"]) == ()
    assert [line["facts"] for line in AuditLog(home, before.keyring).lines() if "places" in line["facts"]] == [
        {"places": 4}
    ]
    assert pipeline.ledger_faults(home, before.keyring) == []


def test_rules_that_did_not_change_open_no_file(before: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    assert coarsen.run(before.home, before.keyring) == 4
    assert json.loads((before.home.folder("ops") / "places.json").read_text()) == {"rules": place.version()}
    monkeypatch.setattr(quarantine, "register", None)
    monkeypatch.setattr(rewriting, "rewrite", None)
    assert coarsen.run(before.home, before.keyring) == 0
