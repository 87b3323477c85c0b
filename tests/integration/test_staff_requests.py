"""What a member of staff may ask of the house: a copy, to be left out, and back in.

Keep out: customers (test_subjects.py).
"""

import json
from pathlib import Path

import pytest

from orchestration import backup
from orchestration.home import Home, House
from orchestration.lake import audit
from orchestration.lake.audit import AuditResult, CheckResult
from orchestration.messages import translated
from orchestration.privacy import evidence, restriction, rotation
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import RestrictedList
from orchestration.privacy.keys import Keyring
from orchestration.privacy.requests import NOT_OF_STAFF
from tests.house import TestHouse, copy_of, write_source
from tests.integration.test_gate import CASE, case, lines
from tests.integration.test_operations import metadata, run
from tests.integration.test_subjects import WHO, command

STAFF = """
select _record, raw ->> '$.agent' as agent_id, raw ->> '$.name' as agent_name, raw ->> '$.mail' as agent_email,
    'service' as team, raw ->> '$.at' as updated_at
from rows where raw ->> '$.name' is not null
"""
TRAINING = """
select _record, raw ->> '$.training' as training_id, raw ->> '$.agent' as agent_id, 'calm' as course, raw ->> '$.at' as attended_at
from rows where raw ->> '$.training' is not null
"""
EVENT = """
select _record, raw ->> '$.event' as event_id, raw ->> '$.id' as case_id, raw ->> '$.at' as occurred_at,
    'message_out' as event_type, raw ->> '$.by' as author_role, raw ->> '$.agent' as agent_id, raw ->> '$.said' as text
from rows where raw ->> '$.event' is not null
"""
ANSWER = """
select _record, raw ->> '$.answer' as answer_id, raw ->> '$.answer' as response_id, raw ->> '$.id' as case_id,
    raw ->> '$.account' as person_account_id, 'after' as survey_id, 'csat' as question_id, raw ->> '$.at' as answered_at,
    raw ->> '$.score' as score, raw ->> '$.said' as text
from rows where raw ->> '$.answer' is not null
"""
AT = {"at": "2025-01-02T03:04:05Z"}
BY = ["--agent", "desk:a7", *WHO]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """Mona (a7) and Nils (a8) of the desk: a case each, what was said in them, what a customer answered, a training."""
    house = TestHouse(tmp_path_factory.mktemp("made"))
    sql = (
        CASE.replace("as text,", "as text, raw ->> '$.agent' as agent_id,") + " where raw ->> '$.priority' is not null"
    )
    kinds = {"case": sql, "agent": STAFF, "training": TRAINING, "case_event": EVENT, "survey_answer": ANSWER}
    write_source(house.sources, "desk", kinds)
    house.drop(
        "rows.jsonl",
        lines(
            {"agent": "a7", "name": "Mona Staff", "mail": "mona@house.example", **AT},
            {"agent": "a8", "name": "Nils Other", "mail": "nils@house.example", **AT},
            case(1, agent="a7", account="Z1", text="my own complaint"),
            case(2, agent="a8", account="Z2", text="another complaint"),
            {"id": "T1", "event": "E1", "by": "agent", "agent": "a7", "said": "we are sorry", **AT},
            {"id": "T1", "event": "E2", "by": "customer", "agent": "a7", "said": "still broken", **AT},
            {"id": "T1", "answer": "S1", "account": "Z1", "score": "2", "said": "she was slow", **AT},
            {"id": "T2", "answer": "S2", "account": "Z2", "score": "5", "said": "fine", **AT},
            {"training": "K1", "agent": "a7", **AT},
        ),
    )
    house.take()
    return house


@pytest.fixture
def desk(made: TestHouse, tmp_path: Path) -> TestHouse:
    """A copy of it for one test."""
    return copy_of(made, tmp_path / "house")


HELD = {"agent": 1, "case": 1, "case_event": 2, "survey_answer": 1, "training": 1}


def test_a_copy_holds_every_row_about_them_and_nothing_that_is_a_customers(
    desk: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = command(desk, monkeypatch, "subject", "find", *BY, "--json")
    told = json.loads(found.stdout)
    assert told["rows"] == HELD and told["identities"] == {"email": 1, "id": 1, "name": 1}
    path = tmp_path / "copy.json"
    done = command(desk, monkeypatch, "subject", "export", *BY, "--to", str(path), "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["rows"] == HELD, done.output
    copy = json.loads(path.read_text())
    assert {i["value"] for i in copy["identities"]} == {"a7", "Mona Staff", "mona@house.example"}
    assert [r["score"] for r in copy["records"]["survey_answer"]] == [2]
    assert sorted(str(r["text"]) for r in copy["records"]["case_event"]) == ["None", "we are sorry"]
    for theirs in ("complaint", "slow", "broken", "Nils", "subject_key", "unproved_key", "age_band"):
        assert theirs not in path.read_text(), theirs
    proof = evidence.noted(desk.home)["C17"]
    assert (proof["checked"], proof["failed"]) == (5, 0)
    line = AuditLog(desk.home, desk.keyring).newest("subject export")
    assert line and line["facts"]["by"] == "agent" and "a7" not in line["facts"]["subject"]
    listed = json.loads(command(desk, monkeypatch, "subject", "requests", "--json").stdout)
    assert [r["action"] for r in listed] == ["access"]


def test_a_copy_holds_rows_that_wait_too_and_nothing_that_is_a_customers(
    desk: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        answer = {"id": "T5", "answer": "S5", "account": "Z1", "score": "1", "said": "she waits", **AT}
        new = {"training": "K9", "agent": "a9", **AT}
        desk.drop("rows_5.jsonl", lines(case(5, agent="a7", account="Z1", text="her complaint waits"), answer, new))
        desk.take()
    found = json.loads(command(desk, monkeypatch, "subject", "find", *BY, "--json").stdout)
    assert found["rows"] == HELD and found["waiting"] == {"case": 1, "survey_answer": 1}
    path = tmp_path / "copy.json"
    assert command(desk, monkeypatch, "subject", "export", *BY, "--to", str(path)).exit_code == 0
    waiting = json.loads(path.read_text())["waiting"]
    assert [r["score"] for r in waiting["survey_answer"]] == [1] and waiting["case"][0]["failed_checks"] == [
        "planned to fail"
    ]
    for theirs in ("waits", "subject_key", "unproved_key"):
        assert theirs not in path.read_text(), theirs
    proof = evidence.noted(desk.home)["C17"]
    assert (proof["checked"], proof["failed"]) == (6, 0)
    told = command(desk, monkeypatch, "subject", "find", "--agent", "desk:a9", *WHO, "--json")
    assert json.loads(told.stdout)["waiting"] == {"training": 1}  # whom a waiting row alone names


def test_whoever_objects_is_left_out_of_what_is_and_what_comes_until_lifted(
    desk: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = "select count(*) from lake.{} where agent_key not like 'restricted:%'"
    listed = "select count(*) from lake.agent where list_contains(purposes, 'analytics')"

    def counts() -> list[int]:
        return [desk.rows(named.format(f'"{k}"'))[0][0] for k in ("case", "case_event", "training")] + [
            desk.rows(listed)[0][0]
        ]

    everybody = desk.rows("select count(*), count(subject_key), min(len(purposes)) from lake.case")
    assert counts() == [2, 2, 1, 2]
    dry = command(desk, monkeypatch, "subject", "object", *BY, "--dry-run", "--json")
    rows = {"agent": 1, "case": 1, "case_event": 2, "training": 1}
    assert json.loads(dry.stdout) == {"rows": rows, "waiting": {}}
    assert counts() == [2, 2, 1, 2]
    asked = command(desk, monkeypatch, "subject", "register", *BY, "--action", "object", "--json")
    done = run(desk, monkeypatch, "subject_request", request=json.loads(asked.stdout)["request"])
    assert done.success and metadata(done) == {"rows": 5} and counts() == [1, 0, 0, 1]
    assert desk.rows("select count(*), count(subject_key), min(len(purposes)) from lake.case") == everybody
    again = {"agent": "a7", "name": "Mona Staff", "at": "2025-02-02T03:04:05Z"}
    desk.drop("rows_2.jsonl", lines(again, case(3, agent="a7"), case(4, agent="a8")))
    desk.take()
    assert counts() == [2, 0, 0, 1]  # of what came later the other's alone
    rotation.rotate(desk.home, desk.keyring)  # what was struck out stays so under the next keys
    assert command(desk, monkeypatch, "subject", "restrict", *BY).exit_code == 0
    assert command(desk, monkeypatch, "subject", "object", *BY, "--lift").exit_code == 0
    assert counts()[:3] == [2, 0, 0]  # another word of hers stands
    assert command(desk, monkeypatch, "subject", "restrict", *BY, "--lift").exit_code == 0
    assert counts() == [4, 2, 1, 3]


def test_staff_asks_for_what_an_employer_may_grant_and_nobody_unknown_is_found(
    desk: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = command(desk, monkeypatch, "subject", "register", *BY, "--action", "erase")
    assert done.exit_code == 1 and "left_on" in done.stderr
    for action in (["erase", "--yes"], ["erase", "--dry-run"], ["rectify", "--wrong-email", "a@b.example"]):
        done = command(desk, monkeypatch, "subject", *action, *BY)
        assert done.exit_code == 1 and "corrected at its source" in done.stderr  # what to do instead
    assert translated(NOT_OF_STAFF, "zh").startswith("员工可请求")
    assert command(desk, monkeypatch, "subject", "find", "--agent", "desk:a9", *WHO).exit_code == 1
    of_no_source = command(desk, monkeypatch, "subject", "find", "--agent", "a7", *WHO)
    assert of_no_source.exit_code == 2 and "source:id" in of_no_source.stderr


def test_whoever_is_known_from_rows_alone_is_left_out_of_a_home_put_back_too(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kinds = {"case": CASE.replace("as text,", "as text, raw ->> '$.agent' as agent_id,")}
    write_source(house.sources, "desk", kinds)
    house.drop("rows.jsonl", lines(case(1, agent="a7", account="Z1")))
    house.take()
    secret = backup.passphrase("correct horse battery")
    backup.write(house.home, tmp_path / "b", secret)
    assert command(house, monkeypatch, "subject", "object", *BY).exit_code == 0
    house.drop("rows_2.jsonl", lines(case(2, agent="a9", account="Z2")))
    house.take()
    assert command(house, monkeypatch, "subject", "object", "--agent", "desk:a9", *WHO).exit_code == 0
    told = RestrictedList(house.home, house.keyring).entries()
    done = backup.restore(tmp_path / "b", tmp_path / "new", secret, erased=house.home.root / "erased")
    assert done.restrictions == 1 and len(done.unplaced) == 1
    new = Home.open(tmp_path / "new")
    keyring = Keyring(new)
    assert restriction.renew(new, keyring) == 0 and RestrictedList(new, keyring).entries() == told
    house.home, house.keyring = new, keyring  # who comes again is left out from the first row on
    new.furnish(House((str(house.sources),), str(house.inbox), "UTC", "internal"), anew=True)
    house.take()
    assert house.rows("select count(*) from lake.case where agent_key like 'restricted:%'") == [(2,)]
