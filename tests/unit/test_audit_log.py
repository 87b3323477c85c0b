"""The audit log: every change of the chain shows. Keep out: who writes lines."""

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.home import Home, write_durably
from orchestration.messages import translated
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLog:
    monkeypatch.delenv("VOICEHOUSE_MASTER_KEY", raising=False)
    home = Home.open(tmp_path)
    found = AuditLog(home, Keyring(home))
    for n in range(5):
        found.append("trial", n=n)
    return found


def path(log: AuditLog) -> Path:
    return log._path


def test_an_untouched_chain_is_sound_and_grows(log: AuditLog) -> None:
    assert log.verify() == (5, [])
    assert log.append("trial", n=5) == 6
    assert log.verify() == (6, [])
    assert path(log).stat().st_mode & 0o077 == 0


def test_a_line_names_the_account_whoever_the_environment_says_is_at_work(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "VOICEHOUSE_ACTOR"):
        monkeypatch.setenv(name, "ada")
    log.append("trial")
    line = list(log.lines())[-1]
    assert line["actor"] == "ada" and line["account"] == pwd.getpwuid(os.getuid()).pw_name != "ada"
    assert log.verify() == (6, [])


def test_a_log_put_back_with_its_head_misses_what_was_kept_of_its_end_elsewhere(log: AuditLog) -> None:
    folder = path(log).parent
    before = {p: p.read_bytes() for p in (path(log), folder / "head.json")}
    early = log.end()
    log.append("trial", n=5)
    end = log.end()
    assert log.holds(early) and log.holds(end)
    for p, content in before.items():
        p.write_bytes(content)
    assert log.verify() == (5, []) and log.holds(early) and not log.holds(end)
    log.append("trial", n=6)  # another sixth line
    assert log.verify() == (6, []) and not log.holds(end)


def changed(lines: list[str]) -> list[str]:
    line = json.loads(lines[2])
    line["facts"]["n"] = 99
    return [*lines[:2], json.dumps(line), *lines[3:]]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines: lines[:2] + lines[3:],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [],
        lambda lines: [*lines, lines[-1]],
        changed,
    ],
    ids=["deleted", "reordered", "end cut off", "start cut off", "emptied", "doubled", "changed"],
)
def test_a_line_deleted_reordered_or_changed_shows(log: AuditLog, tamper: Callable[[list[str]], list[str]]) -> None:
    lines = path(log).read_text().splitlines()
    path(log).write_text("".join(f"{line}\n" for line in tamper(lines)))
    wrong = log.verify()[1]
    assert wrong != [] and all(translated(sentence, "zh") != sentence for sentence in wrong)


@pytest.mark.parametrize("damage", ["{}", "5", "[]", "null", '{"number": "5"}', "\udcff"])
@pytest.mark.parametrize("where", [0, 2, 4])
def test_a_line_that_is_none_shows_and_stops_nobody(log: AuditLog, damage: str, where: int) -> None:
    lines = path(log).read_text().splitlines()
    lines[where] = damage
    path(log).write_bytes("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
    assert f"line {where + 1}: it was changed" in log.verify()[1]
    assert log.append("trial", n=5) == 6 and log.expire(1000) == 0
    assert f"line {where + 1}: it was changed" in log.verify()[1]
    listed = CliRunner().invoke(main, ["--home", str(path(log).parents[1]), "audit", "list"])
    assert listed.exit_code == 0, listed.output


def test_a_line_under_a_key_that_is_not_there_or_with_another_kind_of_hash_shows(log: AuditLog) -> None:
    content = path(log).read_text()
    for old, new in (('"key_version": 1', '"key_version": 9'), ('"hash": "', '"hash": "é'), ('"at": "2', '"at": "x')):
        path(log).write_text(content.replace(old, new, 1))
        assert "line 1: it was changed" in log.verify()[1]


@pytest.mark.parametrize("teller", ["marker", "commit", "report"])
@pytest.mark.parametrize("emptied", [False, True])
def test_a_log_gone_with_its_head_shows_for_good(log: AuditLog, teller: str, emptied: bool) -> None:
    home = log._home
    reports = home.folder("ops", "privacy")
    if teller == "marker":
        write_durably(home.folder("vault") / "generation.json", b'{"generation": 1}')
    elif teller == "commit":
        write_durably(home.folder("lake", "_commits") / "1.json", b'{"vault_generation": 1}')
    else:
        write_durably(reports / "20260101T000000.json", json.dumps({"audit_log": log.end()}).encode())
    log._head.unlink()
    path(log).write_bytes(b"") if emptied else path(log).unlink()
    assert log.verify()[1] != []
    done = CliRunner().invoke(main, ["--home", str(home.root), "audit", "verify"])
    assert done.exit_code == 1, done.output
    log.append("vault", vault_generation=2)  # an ordinary operation, and a report that knows the new end
    write_durably(reports / "20260101T000000.json", json.dumps({"audit_log": log.end()}).encode())
    assert any("was gone" in sentence for sentence in log.verify()[1])
    assert all(translated(sentence, "zh") != sentence for sentence in log.verify()[1])


def test_the_log_is_held_against_every_report_that_is_kept(log: AuditLog) -> None:
    before, reports = log.end(), log._home.folder("ops", "privacy")
    for file in (path(log), log._head):
        file.unlink()
    log.append("trial")
    write_durably(reports / "20260102T000000.json", json.dumps({"audit_log": log.end()}).encode())
    assert log.verify() == (1, [])  # the control
    write_durably(reports / "20260101T000000.json", json.dumps({"audit_log": before}).encode())
    assert log.verify()[1] == ["a privacy report tells of a line that is not in the log"]


def test_a_chain_made_anew_without_the_key_shows(log: AuditLog, tmp_path: Path) -> None:
    other = Home.open(tmp_path / "other")
    forged = AuditLog(other, Keyring(other))
    for n in range(5):
        forged.append("trial", n=n)
    path(log).write_bytes(path(forged).read_bytes())
    log._head.write_bytes(forged._head.read_bytes())
    assert len(log.verify()[1]) == 6  # every line, and the head


def test_a_line_cut_short_by_a_death_goes_and_the_next_takes_its_number(log: AuditLog) -> None:
    with path(log).open("a") as handle:
        handle.write('{"number": 6, "at"')
    assert log.verify() == (5, [])
    log.append("trial", n=6)
    assert log.verify() == (6, [])
    assert [line["number"] for line in log.lines()] == [1, 2, 3, 4, 5, 6]


def test_a_line_whose_head_was_not_written_before_a_death_stands(log: AuditLog) -> None:
    before = log._head.read_bytes()
    log.append("trial", n=5)
    log._head.write_bytes(before)
    assert log.verify() == (6, [])
    assert log.append("trial", n=6) == 7
    assert log.verify() == (7, [])


def test_without_its_head_no_chain_is_sound_however_short(log: AuditLog) -> None:
    log._head.unlink()
    path(log).write_bytes(path(log).read_bytes().splitlines(keepends=True)[0])
    assert log.verify()[1] != []


def test_the_last_line_cut_in_half_shows_where_it_was_answered_on(log: AuditLog) -> None:
    content = path(log).read_bytes()
    path(log).write_bytes(content[: content.rstrip(b"\n").rfind(b"\n") + 20])
    assert log.verify()[1] != []
    log.append("trial", n=6)
    assert log.verify()[1] != []


def test_lines_past_their_term_go_and_the_rest_still_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.open(tmp_path)
    log = AuditLog(home, Keyring(home))
    for year in (2020, 2021, 2025):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"{year}-01-01T00:00:00Z")
        log.append("trial", year=year)
    assert log.expire(3 * 365) == 2
    assert log.verify() == (1, [])
    log.append("trial", year=2025)
    assert log.verify() == (2, [])
