"""Checks that events prove, on homes where they hold and where they do not. Keep out: checks of settings alone."""

import json

import duckdb
import pytest

from orchestration import pipeline
from orchestration.privacy.audit import Check, check_home
from orchestration.privacy.subjects import Sought
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, CONSENT, case, lines
from tests.integration.test_subjects import erase


def checks(house: TestHouse) -> dict[str, Check]:
    return {c.check_id: c for c in check_home(house.home, house.keyring, pipeline.sources(house.home))}


@pytest.fixture
def filled(house: TestHouse) -> TestHouse:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "desk", {"case": desk.replace("from rows", "from cases")}, stream="cases", cn="consent")
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows.jsonl", lines({"id": "c1", "account": "a", **grant}, {"id": "c2", "account": "b", **grant}))
    house.drop("cases.jsonl", lines(case(1, account="a", country="CN"), case(2, account="b", country="CN")))
    house.take("register", "desk")
    return house


def test_an_untouched_home_proves_what_it_can_and_says_what_had_no_occasion(filled: TestHouse) -> None:
    found = checks(filled)
    for check_id in ("C1", "C2", "C3", "C10", "C13"):
        assert (found[check_id].status, found[check_id].n_failed) == ("passed", 0), found[check_id]
    assert {found[i].status for i in ("C11", "C12", "C17", "C18")} == {"not_proved"}
    erase(filled, Sought(account="register:a"))
    found = checks(filled)
    assert {found[i].status for i in ("C11", "C12")} == {"passed"} and found["C11"].n_checked == 1


def test_a_purpose_dropped_since_shows_until_no_row_carries_it(filled: TestHouse) -> None:
    toml = filled.sources / "desk" / "source.toml"
    toml.write_text(toml.read_text().replace('"service", "analytics"', '"service"'))
    assert (checks(filled)["C2"].status, checks(filled)["C2"].n_failed) == ("failed", 2)


def test_a_row_let_in_after_its_consent_was_withdrawn_shows(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    withdraw = {"purpose": "analytics", "action": "withdraw", "type": "general", "at": "2025-02-01T00:00:00Z"}
    filled.drop("rows_2.jsonl", lines({"id": "c3", "account": "a", **withdraw}))
    filled.take("register")
    pipeline.expire(filled.home, filled.keyring, "test")
    assert (checks(filled)["C3"].n_checked, checks(filled)["C3"].n_failed) == (1, 0)
    # The control: a gate that does not know of withdrawals.
    from orchestration.privacy import guard

    def careless(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE _consents AS SELECT s.current_id AS subject_id, purpose, false AS is_guardian, "
            "given_at AS valid_from, TIMESTAMP '9999-12-31' AS valid_to, consent_ref "
            "FROM vault.consent JOIN vault.subject s USING (subject_id) WHERE action = 'grant'"
        )

    monkeypatch.setattr(guard, "prepare_consents", careless)
    filled.drop("cases_2.jsonl", lines(case(3, account="a", country="CN")))
    filled.take("desk")
    assert (checks(filled)["C3"].status, checks(filled)["C3"].n_failed) == ("failed", 1)


def test_a_log_cut_off_with_its_head_is_missed_by_what_commits_tell(filled: TestHouse) -> None:
    for name in ("log.jsonl", "head.json"):
        (filled.home.root / "audit" / name).unlink()
    assert checks(filled)["C10"].status == "failed"
    assert json.loads((filled.home.lake / "_checks.json").read_text())


def test_every_proof_is_told_in_chinese_too(filled: TestHouse) -> None:
    from orchestration.messages import translated

    erase(filled, Sought(account="register:a"))
    told = {c.check_id: c.evidence for c in checks(filled).values()}
    assert [i for i, words in told.items() if translated(words, "zh") == words] == []
