"""Roles: each operation and each command refuses every role but its own, on record; docs/privacy.md says the same.

Keep out: what a role may, and who has it by the policy's accounts, of single commands (tests/integration).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.defs import incidents, operations, persons
from orchestration.errors import ContractError, UsedWronglyError
from orchestration.home import Home
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.roles import ALLOWED, ROLES, NotAllowedError, require

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
PERSON = "--account desk:Z1 --reason letter"
# Every command that asks in which role: its operation, and what it needs to be heard.
COMMANDS = {
    "subject find": ("subject", PERSON),
    "subject register": ("subject", f"{PERSON} --action access"),
    "subject export": ("subject", f"{PERSON} --to {{file}}"),
    "subject erase": ("subject", f"{PERSON} --yes"),
    "subject rectify": ("subject", f"{PERSON} --wrong-email zora@example.org"),
    "subject restrict": ("subject", PERSON),
    "subject object": ("subject", PERSON),
    "subject close": ("subject", "R1 --outcome refused --reason letter"),
    "reidentify show": ("reidentify", f"{'0' * 64} --reason letter --ticket T-1"),
    "reidentify approve": ("reidentify", "--persons 10 --ticket T-1"),
    "worklist": ("worklist", "--agent desk:a7 --reason queue"),
    "answer": ("answer", "R1 --reason letter --to {file}"),
    "keys rotate": ("keys rotate", "--yes"),
    "keys rewrap": ("keys rewrap", "--yes"),
    "vault reinit": ("vault reinit", "--yes"),
    "retention run": ("retention run", ""),
    "backup": ("backup", "{file}"),
    "export": ("export", "orders --recipient lab --purpose analytics --out {file}"),
    "team key": ("team key", "--reason letter"),
    "team names": ("team names", "--team north --reason letter"),
    "privacy sign-off": ("privacy sign-off", "--name Ada"),
    "privacy incident open": ("incident", "--reason lost --ticket T-1"),
    "privacy incident scope": ("incident", "I1"),
    "privacy incident export": ("incident export", "I1"),
    "privacy incident close": ("incident close", "I1 --outcome reported"),
}
# It has no home yet whose log could tell: test_only_an_engineer_backs_up_and_puts_back_and_no_analyst_deletes tries it.
WITHOUT_A_HOME = {"restore"}


def asking(command: click.Command, name: str = "") -> Iterator[str]:
    """Commands below one that ask in which role, as they are typed."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            if below := command.get_command(context, sub):
                yield from asking(below, f"{name} {sub}".strip())
    elif any(parameter.name == "role" for parameter in command.params):
        yield name


def contents(home: Home) -> dict[str, bytes]:
    """Every file of a home but its audit log."""
    files = (p for p in home.root.rglob("*") if p.is_file() and home.root / "audit" not in p.parents)
    return {str(p.relative_to(home.root)): p.read_bytes() for p in files}


def test_every_command_that_asks_for_a_role_and_every_operation_is_tried() -> None:
    assert set(asking(main)) == COMMANDS.keys() | WITHOUT_A_HOME
    assert {operation for operation, _ in COMMANDS.values()} | WITHOUT_A_HOME == set(ALLOWED)


@pytest.mark.parametrize(
    ("name", "role"), [(n, r) for n, (operation, _) in COMMANDS.items() for r in ROLES if r not in ALLOWED[operation]]
)
def test_a_command_refuses_every_role_but_its_own_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    home = Home.open(tmp_path / "house")
    log = AuditLog(home, Keyring(home))
    log.append("opened")
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "correct horse battery")
    before = contents(home)
    operation, needed = COMMANDS[name]
    file = tmp_path / "file"
    done = CliRunner().invoke(main, [*name.split(), *needed.format(file=file).split(), "--role", role])
    assert done.exit_code == 5 and f"{operation} asks for" in done.stderr and not done.stdout, done.output
    told = [(line["action"], line["facts"]) for line in log.lines()][-2:]
    assert told == [("opened", {}), ("refused", {"operation": operation, "role": role})]
    assert contents(home) == before and not file.exists()


@pytest.mark.parametrize("blank", ["", " ", "\u200b", "-"])
def test_a_reason_says_something_to_commands_and_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(Home.open(tmp_path / "house").root))
    said = [c for c in (*COMMANDS, "publish withdraw") if "--reason" in COMMANDS.get(c, ("", "--reason"))[1]]
    assert {"subject find", "worklist", "answer", "team key", "privacy incident open"} <= set(said)
    for name in (*said, "retention run"):
        command: click.Command | None = main
        for part in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), part)
        (option,) = [p for p in command.params if p.name == "reason"] if command else []
        with pytest.raises(UsedWronglyError, match="a reason"):
            option.process_value(click.Context(command), blank)
    configs = [
        c
        for m in (incidents, operations, persons)
        for c in vars(m).values()
        if "reason" in getattr(c, "model_fields", ())
    ]
    assert len(configs) == 7
    for config in configs:
        needed = {
            n: ["x"] if "list" in str(f.annotation) else "x" for n, f in config.model_fields.items() if f.is_required()
        }
        assert config(**needed | {"reason": "letter"}).reason == "letter"
        with pytest.raises(UsedWronglyError, match="a reason"):
            config(**needed | {"reason": blank})


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


def test_a_name_is_no_list_of_names_and_lets_in_nobody_whose_name_is_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.open(tmp_path)
    (tmp_path / "policy.toml").write_text('[roles]\ncompliance = "li.na"\n')
    for account in ("na", "li.na"):
        monkeypatch.setenv("VOICEHOUSE_ACTOR", account)
        with pytest.raises(ContractError, match="compliance is a list of names"):
            require(home, Keyring(home), "compliance", "subject")


def test_the_page_says_who_may_what() -> None:
    rows = re.findall(r"^\| `([a-z -]+)` \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.M)
    told = {name: tuple(r for r in ROLES if r in cells) for name, cells in rows if name in ALLOWED}
    assert told == {name: tuple(r for r in ROLES if r in of) for name, of in ALLOWED.items()}
