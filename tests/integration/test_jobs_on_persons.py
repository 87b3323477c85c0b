"""Jobs about persons, handlers and the vault, each run on a home: answers lie in closed files.

Keep out: what each operation means (test_subjects.py); jobs on stores and incidents (test_operations.py,
test_incidents.py).
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration import answering, backup, pipeline
from orchestration.engine import connect
from orchestration.privacy import answers, erasure, requests, rotation
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.log_ends import known_generation
from orchestration.privacy.subjects import Sought
from orchestration.privacy.vault import open_vault
from tests.faults.traces import found_under
from tests.house import TestHouse, died, write_source
from tests.integration.test_gate import CASE, case, lines
from tests.integration.test_operations import PLANTED, ZORA, metadata, run
from tests.integration.test_subjects import WHO, checks, command, erase, filled, made, pseudonyms_of, request_count

__all__ = ["filled", "made"]

WHY = {"reason": "call back", "ticket": "T-1"}


def zora(house: TestHouse) -> str:
    """The pseudonym under which the lake has her first case."""
    ((key,),) = house.rows("select distinct subject_key from lake.case where text = 'hello'")
    return str(key)


def refusals(house: TestHouse) -> list[str]:
    return [x["facts"]["operation"] for x in AuditLog(house.home, house.keyring).lines() if x["action"] == "refused"]


def why(done: dg.ExecuteInProcessResult) -> str:
    """What Dagster tells of a run that failed."""
    (told,) = [e.step_failure_data.error.to_string() for e in done.all_events if e.is_step_failure]
    return str(told)


def fetched(house: TestHouse, patch: pytest.MonkeyPatch, number: str, role: str = "compliance", code: int = 0) -> Any:
    """What `voicehouse answer` writes, read and removed."""
    to = house.home.root.parent / "fetched.json"
    done = command(house, patch, "answer", number, "--role", role, "--reason", "letter", "--to", str(to))
    assert done.exit_code == code, done.output
    if code:
        assert not to.exists()
        return done.stderr
    assert to.stat().st_mode & 0o077 == 0
    told = json.loads(to.read_text())
    to.unlink()
    return told


def answer_of(house: TestHouse, done: dg.ExecuteInProcessResult) -> Path:
    path = house.home.root / str(metadata(done)["file"])
    assert path.stat().st_mode & 0o077 == 0 and path.parent.stat().st_mode & 0o077 == 0
    return path


def test_a_person_is_found_and_a_request_registered_by_pseudonym_and_answered(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = {"pseudonym": zora(filled), "reason": "asked in a ticket"}
    found = metadata(run(filled, monkeypatch, "subject_find", **by))
    told = command(filled, monkeypatch, "subject", "find", *ZORA, "--json")
    same = json.loads(told.stdout)
    assert found == {**same, "pseudonyms": len(same["pseudonyms"])} and found["rows"] == {"case": 3, "case_event": 1}
    dry = run(filled, monkeypatch, "subject_register", **by, action="access", dry_run=True)
    assert dry.success and set(metadata(dry)) == {"due_at"}
    request = metadata(run(filled, monkeypatch, "subject_register", **by, action="access"))["request"]
    listed = json.loads(command(filled, monkeypatch, "subject", "requests", "--open", "--json").stdout)
    assert [r["request"] for r in listed] == [request]
    assert metadata(run(filled, monkeypatch, "subject_request", request=request)) == {"rows": 4, "waiting": 0}
    assert not run(filled, monkeypatch, "subject_find", **(by | {"pseudonym": "0" * 64})).success
    assert not run(filled, monkeypatch, "subject_register", **by, action="forget her").success
    said = [line["action"] for line in AuditLog(filled.home, filled.keyring).lines()]
    assert not [s for s in said if "forget" in s]  # the log takes no word of whoever asks for an action
    for name, more in (("subject_find", {}), ("subject_register", {"action": "erase"})):
        assert not run(filled, monkeypatch, name, **by, **more, role="handler").success
    assert refusals(filled) == ["subject", "subject"]
    assert found_under([filled.home.root], PLANTED) == set()


def test_a_rectification_is_registered_with_what_is_wrong_and_done_by_its_number(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ["subject", "register", "--account", "desk:Z1", *WHO, "--wrong-email", "quill@example.net", "--json"]
    refused = command(filled, monkeypatch, *ask, "--action", "erase")
    assert refused.exit_code == 1 and "rectify" in refused.stderr
    request = json.loads(command(filled, monkeypatch, *ask, "--action", "rectify").stdout)["request"]
    assert request_count(filled, Sought(account="desk:Z1")) == 2
    done = run(filled, monkeypatch, "subject_request", request=request)
    assert done.success and metadata(done)["removed"] == 2
    assert request_count(filled, Sought(account="desk:Z1")) == 1
    path = answers.for_person(filled.home, request)
    told = fetched(filled, monkeypatch, request)["correct_at_source"]
    ids = {r["id"] for r in told}
    assert ids >= {"T1", "T4"} and "T2" not in ids  # whose writer was parted from her
    assert path.stat().st_mode & 0o077 == 0 and len(told) == metadata(done)["correct_at_source"] > 0
    assert metadata(run(filled, monkeypatch, "subject_request", request=request))["removed"] == 0  # sources have yet to
    assert found_under([filled.home.root], PLANTED) == set()


def test_a_rectification_is_closed_once_no_record_is_left_to_correct(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ["subject", "register", "--account", "desk:Z1", *WHO, "--wrong-email", "quill@example.net", "--json"]
    request = json.loads(command(filled, monkeypatch, *ask, "--action", "rectify").stdout)["request"]
    assert metadata(run(filled, monkeypatch, "subject_request", request=request))["removed"] == 2
    assert metadata(run(filled, monkeypatch, "subject_request", request=request))["correct_at_source"] > 0
    con = connect(filled.home.temp)
    with open_vault(con, filled.home, filled.keyring):
        con.execute("DELETE FROM vault.record_key")
    con.close()
    done = run(filled, monkeypatch, "subject_request", request=request)
    assert metadata(done) == {"removed": 0, "correct_at_source": 0}
    (told,) = json.loads(command(filled, monkeypatch, "subject", "requests", "--json").stdout)
    assert (told["outcome"], told["days_left"]) == ("rectified", None)


def test_a_request_ends_without_an_answer_for_a_reason_on_record(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def registered(*more: str) -> str:
        ask = ["subject", "register", "--account", "desk:Z1", *WHO, "--json"]
        return str(json.loads(command(filled, monkeypatch, *ask, *more).stdout)["request"])

    def outcomes() -> dict[str, str | None]:
        told = json.loads(command(filled, monkeypatch, "subject", "requests", "--json").stdout)
        return {r["request"]: r["outcome"] for r in told}

    wrong, copy = (
        registered("--action", "rectify", "--wrong-email", "quill@example.net"),
        registered("--action", "access"),
    )
    assert metadata(run(filled, monkeypatch, "subject_request", request=wrong))["correct_at_source"] > 0
    end = ["subject", "close", wrong, "--outcome", "corrected"]
    assert command(filled, monkeypatch, *end, *WHO, "--dry-run").exit_code == 0 and outcomes()[wrong] == requests.TAKEN
    assert command(filled, monkeypatch, *end, "--role", "analyst", "--reason", "letter").exit_code == 5
    assert command(filled, monkeypatch, *end, *WHO).exit_code == 0 and outcomes()[wrong] == "corrected"
    assert command(filled, monkeypatch, *end, *WHO).exit_code == 1  # it is closed

    not_its_own = {"request": copy, "outcome": "corrected", "reason": "no such letter"}
    assert not run(filled, monkeypatch, "subject_close", **not_its_own).success and outcomes()[copy] is None
    assert run(filled, monkeypatch, "subject_close", **{**not_its_own, "outcome": "withdrawn"}).success
    assert outcomes()[copy] == "withdrawn"
    assert not run(filled, monkeypatch, "subject_request", request=copy).success
    ended = [x["facts"] for x in AuditLog(filled.home, filled.keyring).lines() if x["action"] == "subject close"]
    assert [(facts["request"], facts["outcome"]) for facts in ended] == [(wrong, "corrected"), (copy, "withdrawn")]


def test_an_erasure_that_has_begun_is_finished_and_not_closed(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def registered() -> str:
        ask = ["subject", "register", "--account", "desk:Z1", "--action", "erase", *WHO, "--json"]
        return str(json.loads(command(filled, monkeypatch, *ask).stdout)["request"])

    number, other = registered(), registered()
    asked = answering.open_request(filled.home, filled.keyring, number)
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "_forget", died)
        with pytest.raises(KeyboardInterrupt):
            answering.erase(filled.home, filled.keyring, asked)
    end = ["subject", "close", number, "--outcome", "refused", *WHO]
    for more in ([], ["--dry-run"]):
        done = command(filled, monkeypatch, *end, *more)
        assert done.exit_code == 1 and f"--request {number}" in done.output
    assert not run(filled, monkeypatch, "subject_close", request=number, outcome="withdrawn", reason="x").success
    assert [x for x in AuditLog(filled.home, filled.keyring).lines() if x["action"] == "subject close"] == []
    end[2] = other  # the control: one that has not begun
    told = json.loads(command(filled, monkeypatch, *end, "--dry-run", "--json").stdout)
    assert told == {"dry_run": True, "request": other, "action": "erase", "outcome": "refused"}
    assert command(filled, monkeypatch, *end).exit_code == 0
    assert erasure.erase(filled.home, filled.keyring, asked).is_complete


def test_a_lifting_or_an_objection_cut_short_is_answered_by_its_number_as_what_it_is(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = "select count(*) from lake.case where list_contains(purposes, '{}')"

    def counts() -> list[int]:
        return [filled.rows(used.format(p))[0][0] for p in ("analytics", "service")]

    def cut_short(*arguments: str) -> dg.ExecuteInProcessResult:
        with monkeypatch.context() as patch:
            patch.setattr(answering, "restrict", died)
            assert command(filled, monkeypatch, "subject", *arguments, *ZORA).exit_code == 130
        (waiting,) = json.loads(command(filled, monkeypatch, "subject", "requests", "--open", "--json").stdout)
        return run(filled, monkeypatch, "subject_request", request=waiting["request"])

    assert cut_short("object", "--purpose", "service").success and counts() == [4, 1]
    assert cut_short("restrict").success and counts() == [1, 1]
    assert cut_short("restrict", "--lift").success and counts() == [4, 1]
    assert cut_short("object", "--purpose", "service", "--lift").success and counts() == [4, 4]
    by = {"pseudonym": zora(filled), "reason": "asked in a ticket"}
    for more, expected in (({"purpose": "service"}, [4, 1]), ({"purpose": "service", "is_lift": True}, [4, 4])):
        asked = metadata(run(filled, monkeypatch, "subject_register", **by, action="object", **more))
        assert run(filled, monkeypatch, "subject_request", request=asked["request"]).success and counts() == expected
    for more in ({"action": "access", "is_lift": True}, {"action": "restrict", "purpose": "service"}):
        assert not run(filled, monkeypatch, "subject_register", **by, **more).success
    ask = ["subject", "register", *ZORA, "--action", "object", "--lift", "--purpose", "service"]
    assert command(filled, monkeypatch, *ask).exit_code == 0


def test_what_a_request_takes_away_outlives_a_rotation_also_of_a_vault_made_before(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = connect(filled.home.temp)
    with open_vault(con, filled.home, filled.keyring):
        for column in ("wrong", "sought", "purpose", "is_lift"):
            con.execute(f"ALTER TABLE vault.request DROP COLUMN {column}")
    con.close()
    assert json.loads(command(filled, monkeypatch, "subject", "requests", "--json").stdout) == []
    rotation.rotate(filled.home, filled.keyring)
    ask = [
        "subject",
        "register",
        "--account",
        "desk:Z1",
        *WHO,
        "--action",
        "rectify",
        "--wrong-email",
        "quill@example.net",
    ]
    number = json.loads(command(filled, monkeypatch, *ask, "--json").stdout)["request"]
    rotation.rotate(filled.home, Keyring(filled.home))
    keyring = Keyring(filled.home)
    request = answering.open_request(filled.home, keyring, number, "rectify")
    assert answering.rectify(filled.home, keyring, request).removed == 2


def test_who_is_behind_a_pseudonym_is_written_to_a_sealed_file_alone(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = zora(filled)
    done = run(filled, monkeypatch, "reidentify", pseudonyms=[one], role="handler", **WHY)
    path = answer_of(filled, done)
    assert metadata(done) == {"asked": 1, "known": 1, "file": f"ops/answers/{done.run_id}.sealed"}
    assert "Zora Quill" in {x["value"] for x in fetched(filled, monkeypatch, done.run_id, "handler")[one]}
    opened = AuditLog(filled.home, filled.keyring).newest("answer")
    assert opened and (opened["facts"]["number"], opened["facts"]["operation"]) == (done.run_id, "reidentify")
    line = AuditLog(filled.home, filled.keyring).newest("reidentify")
    assert line and (line["facts"]["run"], line["facts"]["ticket"]) == (done.run_id, "T-1")
    assert found_under([filled.home.root], PLANTED) == set()
    assert "no answer" in fetched(filled, monkeypatch, "../vault", "handler", code=1)
    whole = path.read_bytes()
    for other in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:30], b"{}"):
        path.write_bytes(other)
        assert "does not open" in fetched(filled, monkeypatch, done.run_id, "handler", code=1)
    assert checks(filled)["C8"].n_failed == 1  # one in the clear
    path.write_bytes(whole)
    rotation.rotate(filled.home, filled.keyring)
    assert path.read_bytes() != whole and checks(filled)["C8"].n_failed == 0
    assert "Zora Quill" in json.dumps(fetched(filled, monkeypatch, done.run_id, "handler")[one], ensure_ascii=False)
    one = zora(filled)
    backup.write(filled.home, filled.home.root.parent / "b", backup.passphrase("correct horse battery"))
    restored = filled.home.root.parent / "restored"
    backup.restore(filled.home.root.parent / "b", restored, backup.passphrase("correct horse battery"))
    assert (restored / "ops").exists() and not (restored / "ops" / "answers").exists()
    then = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(path, (then, then))
    pipeline.expire(filled.home, filled.keyring, "test")
    assert not path.exists()
    assert "no answer" in fetched(filled, monkeypatch, done.run_id, "handler", code=1)
    assert not run(filled, monkeypatch, "reidentify", pseudonyms=[one], role="analyst", **WHY).success
    assert refusals(filled) == ["reidentify"]
    mistyped = run(filled, monkeypatch, "reidentify", pseudonyms=["zora"], role="handler", **WHY)
    assert "64 digits" in why(mistyped)


def test_an_erasure_takes_along_what_was_answered_about_the_person(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_of(filled, run(filled, monkeypatch, "reidentify", pseudonyms=[zora(filled)], role="handler", **WHY))
    asked = command(filled, monkeypatch, "subject", "register", *ZORA, "--action", "access", "--json")
    assert run(filled, monkeypatch, "subject_request", request=json.loads(asked.stdout)["request"]).success
    receipt = erase(filled, Sought(email="zora@example.org"))
    assert (receipt.before["answers"], receipt.after["answers"]) == (2, 0) and receipt.is_complete
    assert found_under([filled.home.root], PLANTED) == set()


def test_what_a_death_left_of_an_answer_goes_with_its_term_and_with_an_erasure(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer_of(filled, run(filled, monkeypatch, "reidentify", pseudonyms=[zora(filled)], role="handler", **WHY))
    asked = command(filled, monkeypatch, "subject", "register", *ZORA, "--action", "access", "--json")
    request = json.loads(asked.stdout)["request"]
    draft = path.with_name(f".{path.name}.draft")
    path.rename(draft)
    copy = filled.home.folder("ops", "copies") / f".{request}.sealed.draft"
    copy.write_bytes(draft.read_bytes())
    held = draft.read_bytes()
    for late, kept in ((draft, 3), (copy, 16)):
        at = (datetime.now(UTC) - timedelta(days=kept)).timestamp()
        os.utime(late, (at, at))
    assert checks(filled)["C13"].n_failed == 2
    dry = command(filled, monkeypatch, "retention", "run", "--dry-run", "--json")
    assert json.loads(dry.stdout)["copies"] == 2 and draft.exists()
    assert command(filled, monkeypatch, "retention", "run").exit_code == 0
    assert found_under([filled.home.root], PLANTED) == set() and checks(filled)["C13"].n_failed == 0
    for left in (draft, copy):
        left.write_bytes(held)
    receipt = erase(filled, Sought(email="zora@example.org"))
    assert (receipt.before["answers"], receipt.after["answers"]) == (2, 0)
    assert found_under([filled.home.root], PLANTED) == set()
    then = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    draft.write_bytes(held)
    os.utime(draft, (then, then))  # as if the erasure had not reached them: the control
    copy.write_bytes(held)
    path.write_bytes(held)  # asked since: of somebody the vault knows
    assert erasure.traces_of(filled.home, filled.keyring, receipt.request_id)["answers"] == 2
    for folder in (path.parent, copy.parent):
        folder.chmod(0o755)
    assert (checks(filled)["C8"].n_failed, checks(filled)["C9"].n_failed) == (2, 2)


def test_many_are_told_to_a_job_only_when_two_persons_approved_and_its_hour_is_everybodys(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def approved(by: str) -> str:
        monkeypatch.setenv("VOICEHOUSE_ACTOR", by)
        ask = ["reidentify", "approve", "--persons", "10", "--role", "compliance", "--ticket", "T-1"]
        return command(filled, monkeypatch, *ask).stdout.split(":")[0]

    (one, *_) = pseudonyms_of(filled)
    many = [one, *(f"{n:064x}" for n in range(9))]
    first, again, other = approved("ann"), approved("ann"), approved("bea")
    monkeypatch.setenv("VOICEHOUSE_ACTOR", "dagster")
    for given, told in (([first], "another"), ([first, again], "another"), ([first, first], "no such approval")):
        assert told in why(
            run(filled, monkeypatch, "reidentify", pseudonyms=many, role="handler", **WHY, approvals=given)
        )
    done = run(filled, monkeypatch, "reidentify", pseudonyms=many, role="handler", **WHY, approvals=[first, other])
    assert done.success and metadata(done)["known"] == 1
    answer_of(filled, done).unlink()
    used = run(filled, monkeypatch, "reidentify", pseudonyms=many, role="handler", **WHY, approvals=[first, other])
    assert "it was used" in why(used)
    # What was asked in Dagster may have been asked by Ann: her hour on the command line is over too.
    monkeypatch.setenv("VOICEHOUSE_ACTOR", "ann")
    ask = ["reidentify", "show", one, "--role", "handler", "--reason", "x", "--ticket", "T-1"]
    assert "second person" in command(filled, monkeypatch, *ask).stderr
    assert "second person" in why(run(filled, monkeypatch, "reidentify", pseudonyms=[one], role="handler", **WHY))
    assert found_under([filled.home.root], PLANTED) == set()


def test_a_worklist_names_nobody_to_dagster(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = CASE.replace("raw ->> '$.text' as text", "raw ->> '$.text' as text, raw ->> '$.agent' as agent_id")
    folder = write_source(house.sources, "desk", {"case": sql})
    toml = folder / "source.toml"
    toml.write_text(toml.read_text() + '[options]\ncase_link = "https://desk.example/{id}"\n')
    mine = {"agent": "agent-seven", "name": "Zora Quill", "account": "Z1"}
    house.drop("rows.jsonl", lines(case(41001, **mine), case(41002, agent="agent-eight")))
    house.take()
    ((key,),) = house.rows("select agent_key from lake.case where subject_key is not null")
    done = run(house, monkeypatch, "worklist", agent_key=key, reason="queue")
    path = answer_of(house, done)
    asked = ["worklist", "--agent", "desk:agent-seven", "--role", "handler", "--reason", "queue", "--json"]
    told = json.loads(command(house, monkeypatch, *asked).stdout)
    assert told == [{"source": "desk", "kind": "case", "record_id": "T41001", "link": "https://desk.example/T41001"}]
    with monkeypatch.context() as patch:
        assert fetched(house, patch, done.run_id, "handler") == told and metadata(done)["cases"] == 1
        assert "handler" in fetched(house, patch, done.run_id, code=5)  # compliance may open others' answers, not these
        policy = house.home.root / "policy.toml"
        before = policy.read_bytes() if policy.exists() else None
        with policy.open("a") as more:
            more.write('\n[roles]\nhandler = ["li.na"]\n')
        patch.setenv("VOICEHOUSE_ACTOR", "li.na")
        assert "work list is for its handler" in fetched(house, patch, done.run_id, "handler", code=5)
        policy.write_bytes(before) if before is not None else policy.unlink()
    by_job, by_command = [x["facts"] for x in AuditLog(house.home, house.keyring).lines() if x["action"] == "worklist"]
    assert (by_job["role"], by_job["agent_key"], by_job["run"]) == ("handler", key, done.run_id)
    assert by_job["reason"] == by_command["reason"] == "queue"
    assert (by_command["role"], by_command["agent_key"]) == ("handler", key) and "run" not in by_command
    planted = ["agent-seven", "agent-eight", "T41001", "Zora Quill"]
    assert found_under([house.home.root], planted) == set()
    path.unlink()
    assert not run(house, monkeypatch, "worklist", agent_key=key, reason="queue", role="compliance").success
    assert not run(house, monkeypatch, "worklist", agent_key="desk:x", reason="queue").success
    assert refusals(house) == ["worklist"] * 3 and found_under([house.home.root], planted) == set()


def test_a_lost_vault_is_started_anew_by_a_job_that_was_told_so(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run(filled, monkeypatch, "vault_reinit", yes=True)
    assert "there is a vault" in why(there)
    path, before = filled.home.root / "vault" / "vault.duckdb", known_generation(filled.home)
    path.unlink()
    assert "say yes" in why(run(filled, monkeypatch, "vault_reinit", yes=False)) and not path.exists()
    assert not run(filled, monkeypatch, "vault_reinit", yes=True, role="compliance").success and not path.exists()
    dry = run(filled, monkeypatch, "vault_reinit", dry_run=True)
    assert metadata(dry) == {"generation": before + 1, "dry_run": True} and not path.exists()
    done = run(filled, monkeypatch, "vault_reinit", yes=True)
    assert metadata(done)["generation"] == before + 1 == known_generation(filled.home) and path.exists()
    assert refusals(filled) == ["vault reinit"]
    line = AuditLog(filled.home, filled.keyring).newest("vault reinit")
    assert line and line["facts"] == {"vault_generation": before + 1}
    assert found_under([filled.home.root / "dagster"], PLANTED) == set()
