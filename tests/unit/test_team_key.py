"""The key of the restricted file: who may have it, and that the log knows before the answer is given; policy on staff.

Keep out: the audit log itself.
"""

import pytest
from click.testing import CliRunner

from orchestration import pipeline
from orchestration.cli import main
from orchestration.errors import ContractError
from orchestration.privacy import flows
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.policy import Policy
from tests.house import TestHouse, write_source


def ask(house: TestHouse, role: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        main, ["--home", str(house.home.root), "team", "key", "--role", role, "--reason", "review"]
    )
    return done.exit_code, done.output


def test_a_handler_gets_the_key_and_the_log_says_so(house: TestHouse) -> None:
    code, shown = ask(house, "handler")
    assert code == 0 and shown.strip() == house.keyring.hex("team")
    line = list(AuditLog(house.home, house.keyring).lines())[-1]
    assert (line["action"], line["facts"]["role"], line["facts"]["reason"]) == ("team_key_shown", "handler", "review")
    assert house.keyring.hex("team") not in str(line)


@pytest.mark.parametrize("role", ["analyst", "engineer"])
def test_others_do_not_and_their_asking_is_logged(house: TestHouse, role: str) -> None:
    code, shown = ask(house, role)
    assert code == 5 and house.keyring.hex("team") not in shown
    line = list(AuditLog(house.home, house.keyring).lines())[-1]
    assert (line["action"], line["facts"]["operation"]) == ("refused", "team key")


@pytest.mark.parametrize(
    "given",
    [
        '[staff]\npurpose = "two words"',
        "[staff]\npurpose = 3",
        '[staff]\nleads = { north = "li.na" }',
        "[staff]\nleads = 3",
        '[staff]\nlead = "li.na"',
        "staff = 3",
    ],
)
def test_a_policy_that_says_of_staff_what_it_cannot_is_told(house: TestHouse, given: str) -> None:
    policy = house.home.root / "policy.toml"
    policy.write_text(f'version = "2"\npurposes = ["service"]\n{given}\n')
    with pytest.raises(ContractError, match=r"\[staff\] knows purpose|staff is a table, \[staff\]"):
        Policy.of(house.home)


def test_figures_of_staff_ask_for_an_impact_assessment(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": "select null as case_id where false"})
    policy = house.home.root / "policy.toml"
    policy.write_text('version = "2"\npurposes = ["service"]\n[staff]\npurpose = "coaching"\n')
    assert "figures of staff: coaching" in flows.needs_assessment(
        pipeline.sources(house.home).values(), Policy.of(house.home)
    )
    policy.write_text('version = "2"\npurposes = ["service"]\n')
    assert flows.needs_assessment(pipeline.sources(house.home).values(), Policy.of(house.home)) == []
