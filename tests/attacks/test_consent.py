"""Attacks on what a row may be used for: consent gone, of another kind, of another time. Keep out: the law (policy.py)."""

import pytest

from orchestration import pipeline
from orchestration.sources.contract import Window
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, CONSENT, case, lines

GRANT = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}


@pytest.fixture
def desk(house: TestHouse) -> TestHouse:
    """A register of consents and a desk in the mainland that needs them."""
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    sql = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "desk", {"case": sql.replace("from rows", "from cases")}, stream="cases", cn="consent")
    return house


@pytest.mark.parametrize("is_withdrawn", [True, False])
def test_a_consent_withdrawn_between_extraction_and_gate_counts_at_the_gate(
    desk: TestHouse, is_withdrawn: bool
) -> None:
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT}))
    desk.take("register")
    desk.drop("cases.jsonl", lines(case(1, account="a", country="CN")))
    found = pipeline.sources(desk.home)
    pipeline.extract(desk.home, desk.keyring, found["desk"], Window(), "test")  # its pages are sealed now
    if is_withdrawn:
        gone = {**GRANT, "action": "withdraw", "at": "2025-03-01T00:00:00Z"}
        desk.drop("rows_2.jsonl", lines({"id": "c2", "account": "a", **gone}))
        desk.take("register")
    pipeline.guard_source(desk.home, desk.keyring, found["desk"], "test")
    pipeline.load_staged(desk.home, desk.keyring)
    assert desk.rows("select count(*) from lake.case") == [(0 if is_withdrawn else 1,)]
    assert desk.ledger().get(("case", "rejected", "no_consent"), 0) == int(is_withdrawn)


@pytest.mark.parametrize(
    ("given", "purposes"),
    [
        ({}, ["analytics"]),  # the control
        ({"purpose": "service"}, ["service"]),  # one purpose is not another
        ({"purpose": "marketing"}, None),
        ({"purpose": "ANALYTICS "}, None),  # nor is a like one
        ({"at": "2025-01-02T03:04:06Z"}, None),  # a second after what it should cover
        ({"at": "2999-01-01T00:00:00Z"}, None),
        ({"action": "withdraw"}, None),
        ({"account": "b"}, None),  # another person's
    ],
)
def test_only_the_consent_of_that_person_for_that_purpose_at_that_time_lets_a_row_in(
    desk: TestHouse, given: dict[str, str], purposes: list[str] | None
) -> None:
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT, **given}))
    desk.drop("cases.jsonl", lines(case(1, account="a", country="CN")))
    desk.take("register", "desk")
    assert desk.rows("select purposes from lake.case") == ([] if purposes is None else [(purposes,)])
    assert desk.ledger().get(("case", "rejected", "no_consent"), 0) == (purposes is None)
    assert pipeline.ledger_faults(desk.home, desk.keyring) == []


def test_what_happens_in_the_future_is_no_ground_to_let_anything_in(desk: TestHouse) -> None:
    """An event dated ahead would lie under any consent without an end and leave no store for long."""
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT}))
    desk.drop(
        "cases.jsonl",
        lines(case(1, account="a", country="CN"), case(2, account="a", country="CN", at="2999-01-01T00:00:00Z")),
    )
    desk.take("register", "desk")
    assert desk.rows("select count(*), max(opened_at) < timestamp '2030-01-01' from lake.case") == [(1, True)]
    rejected = {
        reason: n for (kind, measure, reason), n in desk.ledger().items() if (kind, measure) == ("case", "rejected")
    }
    assert sum(rejected.values()) == 1 and "opened_at" in next(iter(rejected))
