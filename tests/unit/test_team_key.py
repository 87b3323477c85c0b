"""The key of the restricted file: who may have it, and that the log knows before the answer is given.

Keep out: the audit log itself.
"""

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.privacy.audit_log import AuditLog
from tests.house import TestHouse


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
