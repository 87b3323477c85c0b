"""Rows of a case and names of its customer and of staff: texts that name the case alone, words that are such a name.

Keep out: what is masked of a record's own values (tests/unit/test_redaction_pipeline.py).
"""

from pathlib import Path

import pytest

from tests.house import TestHouse, write_source
from tests.integration.test_gate import lines

KINDS = {
    "agent": "select _record, raw ->> '$.id' as agent_id, raw ->> '$.name' as agent_name, raw ->> '$.at' as updated_at from rows where raw ->> '$.kind' = 'agent'",
    "case": "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.account' as person_account_id, "
    "'DE' as person_country, raw ->> '$.name' as person_name, raw ->> '$.agent' as agent_id, raw ->> '$.team' as team, raw ->> '$.text' as text from rows where raw ->> '$.kind' = 'case'",
    "case_event": "select _record, raw ->> '$.id' as event_id, raw ->> '$.case' as case_id, raw ->> '$.at' as occurred_at, "
    "'message_out' as event_type, raw ->> '$.text' as text from rows where raw ->> '$.kind' = 'event'",
}
REPLY = "Dear Anna, dear Ms Smith, it is on the way. Fang / Wang Fang"
MASKED = "Dear <SELF>, dear Ms <SELF>, it is on the way. <AGENT> / <AGENT>"

STAFF, TEAMS = ["Wang Fang", " wang FANG", "王芳"], ["support", "Wang Fangs", "安全"]

ACCOUNTS = {"lena_moor": "<SELF>", "小狐狸2024": "<SELF>", "delivery": "delivery", "AB-7": "AB-7"}


def row(kind: str, key: str, **given: object) -> dict[str, object]:
    return {"kind": kind, "id": key, "at": "2025-01-02T03:04:05Z", **given}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """A case with its reply; one of nobody; then, in loads of their own, a further reply and one before its case."""
    made: Path = tmp_path_factory.mktemp("of_case")
    house = TestHouse(made)
    write_source(house.sources, "desk", KINDS)
    told = [
        row("agent", "A1", name="Wang Fang"),
        row("agent", "A2", name="王芳"),
        row("agent", "A3", name="安全"),
        row("agent", "A4", name="support"),
        row("case", "T1", account="Bluefox77", name="Anna Smith", agent="A1"),
        row("event", "E1", case="T1", text=REPLY),
        row("case", "T2", name="Orla Quinn", agent="A1"),
        row("event", "E2", case="T2", text="Dear Orla, yours, Fang"),
        row("event", "E5", case="T1", text="Your login bluefox77, not bluefox771"),
        *(row("case", f"A{n}", account=a, text=f"for {a} please") for n, a in enumerate(ACCOUNTS)),
        *(row("case", f"T{n}", team=team) for n, team in enumerate(STAFF + TEAMS, start=10)),
    ]
    house.drop("rows.jsonl", lines(*told))
    house.take()
    house.drop(
        "rows2.jsonl",
        lines(row("event", "E3", case="T1", text=f"Again: {REPLY}"), row("event", "E4", case="T3", text="Dear Tessa")),
    )
    house.take()
    return house


def texts(house: TestHouse) -> set[str]:
    return {text for (text,) in house.rows("select text from lake.case_event")}


def test_a_reply_that_names_its_case_alone_loses_the_names_of_the_cases_customer_and_agent(house: TestHouse) -> None:
    assert {MASKED, "Dear <SELF>, yours, <AGENT>"} <= texts(house)


def test_so_does_one_that_comes_when_the_lake_has_the_case_and_not_one_that_comes_before_it(house: TestHouse) -> None:
    assert {f"Again: {MASKED}", "Dear Tessa"} <= texts(house)


def test_a_word_that_is_the_name_of_staff_costs_its_row_and_one_that_is_an_ordinary_word_does_not(
    house: TestHouse,
) -> None:
    assert house.rows("select team from lake.case where team is not null order by 1") == [(t,) for t in sorted(TEAMS)]
    refused = house.rows("select reason, n from lake._ledger where level = 'rows' and measure = 'rejected'")
    assert refused == [("residual_identifier:team", len(STAFF))]


def test_an_account_by_which_a_person_logs_in_is_masked_and_one_that_is_a_word_is_not(house: TestHouse) -> None:
    assert "Your login <SELF>, not bluefox771" in texts(house)
    kept = house.rows("select text from lake.case where text is not null order by 1")
    assert kept == sorted((f"for {shown} please",) for shown in ACCOUNTS.values())
