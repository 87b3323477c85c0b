"""What the desk of persons says and refuses: mistyped purposes, identifiers of nobody, what was counted.

Keep out: what each request does to the stores (test_subjects.py, test_jobs_on_persons.py).
"""

import json
import re
from typing import Any

import pytest

from orchestration import pipeline
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.policy import Policy
from tests.house import TestHouse
from tests.integration.test_operations import run
from tests.integration.test_subjects import WHO, command, filled, made, pseudonyms_of

__all__ = ["filled", "made"]

ZORA = ["--account", "desk:Z1", *WHO]


def register_of(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every request, as a machine is told."""
    found: list[dict[str, Any]] = json.loads(command(house, monkeypatch, "subject", "requests", "--json").stdout)
    return found


def test_an_objection_to_a_purpose_that_the_house_does_not_pursue_is_refused(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistyped = [*ZORA, "--purpose", "analytcis"]
    for ask in (["object"], ["object", "--dry-run"], ["object", "--lift"], ["register", "--action", "object"]):
        done = command(filled, monkeypatch, "subject", *ask, *mistyped)
        assert done.exit_code == 2 and "analytics, service" in done.stderr, (ask, done.output)
    job = {"pseudonym": pseudonyms_of(filled)[0], "reason": "x", "action": "object", "purpose": "analytcis"}
    assert not run(filled, monkeypatch, "subject_register", **job).success
    assert register_of(filled, monkeypatch) == []
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    assert "本家不追求" in command(filled, monkeypatch, "subject", "object", *mistyped).stderr


def test_an_objection_to_what_the_house_pursued_once_or_for_staff_can_be_said(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled.home.root / "policy.toml"
    Policy.of(filled.home)
    told = path.read_text()
    assert command(filled, monkeypatch, "subject", "object", *ZORA, "--purpose", "service").exit_code == 0
    path.write_text(told.replace('["service", "analytics"]', '["analytics"]') + '[staff]\npurpose = "coaching"\n')
    again = ["subject", "object", *ZORA, "--purpose", "service"]
    assert command(filled, monkeypatch, *again).exit_code == 2
    assert command(filled, monkeypatch, *again, "--lift").exit_code == 0  # it stands, so it can be lifted
    assert command(filled, monkeypatch, *again, "--lift").exit_code == 2
    assert command(filled, monkeypatch, "subject", "object", *ZORA, "--purpose", "coaching").exit_code == 0


def test_a_retention_run_and_a_trial_of_a_rotation_are_on_record(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(filled, monkeypatch, "retention", "run", "--dry-run").exit_code == 0
    assert command(filled, monkeypatch, "retention", "run", "--reason", "audit of May").exit_code == 0
    assert run(filled, monkeypatch, "retention_run", dry_run=True, role="compliance").success
    assert command(filled, monkeypatch, "keys", "rotate", "--role", "engineer", "--dry-run").exit_code == 0
    log = AuditLog(filled.home, filled.keyring)
    said = [(x["action"], x["facts"]) for x in log.lines() if x["action"].startswith(("retention run", "keys rotate"))]
    assert said == [
        ("retention run, dry run", {"role": "engineer", "reason": "terms"}),
        ("retention run", {"role": "engineer", "reason": "audit of May"}),
        ("retention run, dry run", {"role": "compliance", "reason": "terms"}),
        ("keys rotate, dry run", {"role": "engineer"}),
    ]


def test_a_receipt_says_of_models_that_an_objection_took_away_that_they_are_not_built(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "rebuild", lambda *_: ())
    filled.home.warehouse.write_bytes(b"made of rows that are not to be used")
    assert command(filled, monkeypatch, "subject", "object", *ZORA).exit_code == 0
    assert not filled.home.warehouse.exists()
    done = command(filled, monkeypatch, "subject", "erase", *ZORA, "--yes")
    assert done.exit_code == 0 and re.search(r"warehouse +not built before, not built after", done.stdout), done.output
    (path,) = (filled.home.root / "ops" / "receipts").glob("*.json")
    kept = json.loads(path.read_text())
    assert kept["before"]["warehouse"] is None and kept["before"]["lake"] == 4 and kept["is_complete"]


def test_an_address_that_is_not_the_persons_opens_no_rectification(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (["--wrong-phone", "+86 138 0000 0000"], ["--wrong-email", "nobody@example.org"]):
        for ask in (["rectify"], ["rectify", "--dry-run"], ["register", "--action", "rectify"]):
            done = command(filled, monkeypatch, "subject", *ask, *ZORA, *wrong)
            assert done.exit_code == 1 and "nothing to take away" in done.stderr, (ask, done.output)
    assert register_of(filled, monkeypatch) == []
    wrong = ["--wrong-email", "quill@example.net"]
    dry = command(filled, monkeypatch, "subject", "rectify", *ZORA, *wrong, "--dry-run")
    assert dry.exit_code == 0 and "desk:case:T1" in dry.stdout and register_of(filled, monkeypatch) == []
    done = command(filled, monkeypatch, "subject", "rectify", *ZORA, *wrong)
    assert done.exit_code == 0 and set(done.stdout.splitlines()[1:]) <= set(dry.stdout.splitlines()[1:])


def test_a_value_that_no_person_can_have_is_used_wrongly(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for by in (["--email", "zora at home"], ["--account", "Z1"], ["--record", "desk:cases:T1"], []):
        assert command(filled, monkeypatch, "subject", "find", *by, *WHO).exit_code == 2, by
    found = command(filled, monkeypatch, "subject", "find", *ZORA).stdout.splitlines()
    assert found.index("identifiers:") < found.index("rows of the lake, by kind:")


def test_the_register_tells_a_purpose_and_a_lifting(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    struck = command(filled, monkeypatch, "subject", "object", *ZORA, "--purpose", "service").stdout
    again = command(filled, monkeypatch, "subject", "object", *ZORA, "--purpose", "service", "--lift").stdout
    assert "newly struck out" in struck and "may be used again" in again
    assert {(r["purpose"], r["is_lift"]) for r in register_of(filled, monkeypatch)} == {
        ("service", False),
        ("service", True),
    }
    dry = json.loads(command(filled, monkeypatch, "subject", "erase", *ZORA, "--dry-run", "--json").stdout)
    assert dry["rows"] == {"case": 3, "case_event": 1} and dry["identities"]["email"] == 2
    told = command(filled, monkeypatch, "subject", "requests").stdout
    assert "object service  " in told and "object service --lift" in told
