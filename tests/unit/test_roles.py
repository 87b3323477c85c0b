"""Roles: each operation refuses every role but its own, on record; and the table of docs/privacy.md says the same.

Keep out: single commands, each of which tries its roles (tests/integration).
"""

import re
from pathlib import Path

import pytest

from orchestration.home import Home
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.roles import ALLOWED, ROLES, NotAllowedError, require

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"


@pytest.mark.parametrize("operation", ALLOWED)
def test_an_operation_refuses_every_role_but_its_own_and_writes_it_down(tmp_path: Path, operation: str) -> None:
    home = Home.open(tmp_path)
    keyring = Keyring(home)
    others = [r for r in (*ROLES, "nobody") if r not in ALLOWED[operation]]
    assert others and set(ALLOWED[operation]) <= set(ROLES)
    for role in ALLOWED[operation]:
        require(home, keyring, role, operation)
    for role in others:
        with pytest.raises(NotAllowedError, match=operation) as refused:
            require(home, keyring, role, operation)
        assert refused.value.exit_code == 5
    lines = [line["facts"] for line in AuditLog(home, keyring).lines() if line["action"] == "refused"]
    assert lines == [{"operation": operation, "role": role} for role in others]


def test_a_role_is_had_by_whom_the_policy_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.open(tmp_path)
    (tmp_path / "policy.toml").write_text('[roles]\ncompliance = ["ada"]\n')
    monkeypatch.setenv("VOICEHOUSE_ACTOR", "ada")
    require(home, Keyring(home), "compliance", "subject")
    monkeypatch.setenv("VOICEHOUSE_ACTOR", "eve")
    with pytest.raises(NotAllowedError, match="does not name you"):
        require(home, Keyring(home), "compliance", "subject")


def test_the_page_says_who_may_what() -> None:
    rows = re.findall(r"^\| `([a-z -]+)` \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.M)
    told = {name: tuple(r for r in ROLES if r in cells) for name, cells in rows if name in ALLOWED}
    assert told == {name: tuple(r for r in ROLES if r in of) for name, of in ALLOWED.items()}
