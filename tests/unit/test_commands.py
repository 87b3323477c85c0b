"""The command line: one command a file, a sentence and an exit code for every mistake, no home made by asking for help.

Keep out: what single commands do.
"""

import ast
import fcntl
import inspect
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner

from orchestration import alerts, commands, logs, modelling, pipeline, running
from orchestration.cli import main
from orchestration.commands import _progress
from orchestration.errors import EXIT_CODES, HomeLockedError, KeyMissingError, VoicehouseError
from orchestration.home import Home, House
from orchestration.landing import names
from orchestration.landing.names import file_ids
from orchestration.privacy.keys import Keyring
from orchestration.privacy.reached import STORES
from orchestration.records import KINDS
from tests.house import TestHouse, write_source
from tests.receivers import Webhook
from tests.receivers import running as running_receiver


@pytest.fixture
def runner(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    return CliRunner()


def test_every_module_of_the_folder_is_a_command_and_helps(runner: CliRunner) -> None:
    listed = runner.invoke(main, ["--help"])
    assert listed.exit_code == 0
    for name in commands.names():
        assert f"\n  {name} " in listed.output
        told = runner.invoke(main, [name, "--help"])
        assert told.exit_code == 0 and "Usage:" in told.output, name


def test_help_tells_exit_codes_wherever_it_is_asked_for_and_what_the_operations_on_persons_need(
    runner: CliRunner,
) -> None:
    def told(words: str) -> str:
        done = runner.invoke(main, [*words.split(), "--help"], terminal_width=120)
        assert done.exit_code == 0
        return " ".join(done.output.split())

    for words in ("", "subject", "subject find", "privacy incident scope", "retention run"):
        _, _, codes = told(words).partition("Exit codes: ")
        assert "5 the role does not allow it" in codes, words
        assert [int(code.split()[0]) for code in codes.split("; ")] == sorted(EXIT_CODES), words
    for name in ("find", "register", "erase", "restrict", "object"):
        assert "One identifier is enough; a name alone never is" in told(f"subject {name}")
    for name in ("register", "restrict", "object", "close"):
        assert "count what would go" not in told(f"subject {name}") and "End it." not in told(f"subject {name}")
    for name in ("restrict", "object"):
        assert "figures follow with the next `voicehouse run`" in told(f"subject {name}")
    scope = told("privacy incident scope")
    assert ", ".join(STORES) in scope and ", ".join(sorted(KINDS)) in scope
    assert "taken back" in told("retention run") and "named no more" in told("retention run")


def test_a_proof_by_canaries_tried_dry_says_what_it_would_do_and_does_nothing(runner: CliRunner) -> None:
    runner.invoke(main, ["init"])
    done = runner.invoke(main, ["privacy", "canary", "--dry-run", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout) == {"dry_run": True, "persons": 3}
    assert "C6" in runner.invoke(main, ["privacy", "canary", "--dry-run"]).stdout


def test_an_unknown_command_is_used_wrongly(runner: CliRunner) -> None:
    assert runner.invoke(main, ["no-such-command"]).exit_code == 2


@pytest.mark.parametrize("error", [VoicehouseError, HomeLockedError, KeyMissingError])
def test_an_error_of_ours_ends_in_a_sentence_and_its_code(
    runner: CliRunner, error: type[VoicehouseError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error("what to do")

    monkeypatch.setattr("orchestration.lake.quarantine.batches", fail)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == error.exit_code and error.exit_code in EXIT_CODES
    assert done.stderr == "voicehouse: what to do\n" and "Traceback" not in done.output


@pytest.mark.parametrize("form", ["", "json", "text"])
def test_a_foreign_error_is_told_without_its_text(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("could not read 'planted.person@example.org'")

    monkeypatch.setenv("VOICEHOUSE_LOG", form)
    monkeypatch.setattr("orchestration.lake.quarantine.batches", fail)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == 1 and "ValueError at quarantine.py:" in done.stderr
    assert ("command.failed" in done.stderr) == bool(form)
    assert "planted" not in done.output and "Traceback" not in done.output
    monkeypatch.delenv("VOICEHOUSE_LOG")
    logs.configure()


def test_an_interruption_is_told_without_a_traceback(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestration.lake.quarantine.batches", interrupt)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == 130 and "interrupted" in done.stderr


def test_a_zone_that_does_not_exist_makes_no_home(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "new"))
    done = CliRunner().invoke(main, ["init", "--reporting-tz", "Mars/Olympus"])
    assert done.exit_code == 2 and "Mars/Olympus" in done.stderr
    assert not (tmp_path / "new").exists()


def test_packing_the_lake_leaves_an_audit_line_and_every_row(runner: CliRunner, house: TestHouse) -> None:
    from orchestration.privacy.audit_log import AuditLog

    write_source(
        house.sources,
        "desk",
        {"case": "select _record, raw ->> '$.id' as case_id, '2025-01-01' as opened_at from rows"},
    )
    for n in (1, 2):
        house.drop(f"rows_{n}.jsonl", f'{{"id": "{n}"}}\n')
        house.take("desk")
    dry = json.loads(runner.invoke(main, ["lake", "compact", "--dry-run", "--json"]).stdout)
    assert dry == {"dry_run": True, "files": 2}
    assert "together: 2" in runner.invoke(main, ["lake", "compact", "--dry-run"]).stdout
    done = runner.invoke(main, ["lake", "compact"])
    assert done.exit_code == 0 and "packed 2 files into 1" in done.stdout
    assert house.rows('select count(*) from lake."case"') == [(2,)]
    (line,) = [x for x in AuditLog(house.home, house.keyring).lines() if x["action"] == "compaction"]
    assert (line["facts"]["files_before"], line["facts"]["files_after"]) == (2, 1)
    assert "nothing to pack" in runner.invoke(main, ["lake", "compact"]).stdout


def test_the_sample_company_does_not_move_into_a_home_with_sources_of_its_own(runner: CliRunner) -> None:
    done = runner.invoke(main, ["run", "--sample"])
    assert done.exit_code == 1 and "sources of its own" in done.stderr


@contextmanager
def _locked(home: Home) -> Iterator[str]:
    with (home.root / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield "is writing to this home"


@contextmanager
def _without_master_key(home: Home) -> Iterator[str]:
    Keyring(home).key("file_names")
    (home.root / "keys" / "master.key").unlink()
    yield "master key"


@contextmanager
def _unparsed(home: Home) -> Iterator[str]:
    def fail(*_: object) -> None:
        raise VoicehouseError("dbt parse failed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modelling, "run", fail)
        yield "dbt parse failed"


@pytest.mark.parametrize("spoil", [_locked, _without_master_key, _unparsed])
def test_a_run_that_ends_before_its_first_step_is_told_once(
    runner: CliRunner,
    house: TestHouse,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Home], AbstractContextManager[str]],
) -> None:
    house.home.furnish(replace(house.home.house, alerts={"webhook": True}), anew=True)
    with spoil(house.home) as words, running_receiver(Webhook()) as receiver:
        monkeypatch.setenv("VOICEHOUSE_ALERT_WEBHOOK", receiver.address)
        assert runner.invoke(main, ["run"]).exit_code not in (0, 2)
        (told,) = pipeline.run_history(house.home)
        assert (told["status"], told["failed_step"]) == ("failed", "begin") and words in told["reason"]
        assert alerts.send(house.home) == []
    assert told["run_id"][:8] in receiver.got[0]["text"]


def test_a_typing_mistake_is_nobodys_alarm(runner: CliRunner, house: TestHouse) -> None:
    assert runner.invoke(main, ["run", "--source", "nobody"]).exit_code == 2
    assert pipeline.run_history(house.home) == []


def test_the_models_are_parsed_before_dagster_starts(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of Dagster's processes loads the graph, and waits for only so long: a fresh home has no manifest yet."""
    started: list[str] = []
    monkeypatch.setattr(modelling, "run", lambda home, arguments, env: started.append(f"dbt {arguments[0]}"))
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append(" ".join(arguments[:2])))
    monkeypatch.setattr(os, "chdir", lambda path: None)
    assert runner.invoke(main, ["ui"]).exit_code == 0
    assert started == ["dbt parse", "dagster dev"]


def test_why_a_run_failed_is_told_even_beside_a_served_file_of_another_release(
    runner: CliRunner, house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(house.home.serving / "kpi.duckdb")) as con:
        con.execute("create table publication as select 'internal' as profile")
    failed = running.Outcome(success=False, nothing_new=False, reason="the disk is full: free space, then run again")
    monkeypatch.setattr(running, "execute", lambda *_, **__: failed)
    done = runner.invoke(main, ["run"])
    assert done.exit_code == 1 and "the disk is full" in done.stderr.splitlines()[-1]


def test_init_on_a_home_that_is_there_keeps_what_it_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "home"))
    made = CliRunner().invoke(
        main, ["init", "--inbox", "drop", "--profile", "external", "--reporting-tz", "Asia/Tokyo"]
    )
    assert made.exit_code == 0 and "master.key" in made.stdout and "Losing them" in made.stderr
    path = tmp_path / "home" / "house.toml"
    path.write_text(
        path.read_text().replace("wait_for_sign_off = false", "wait_for_sign_off = true")
        + 'schema = "kpis"\nreaders = ["bi"]\n# a remark of ours\n'
    )
    before = path.read_bytes()
    bare = CliRunner().invoke(main, ["init"])
    assert bare.exit_code == 0 and "unchanged" in bare.stdout and "Losing" not in bare.output
    same = CliRunner().invoke(main, ["init", "--profile", "external"])
    assert same.exit_code == 0 and path.read_bytes() == before
    monkeypatch.setenv("VOICEHOUSE_SOURCES", str(tmp_path))  # goes first while it is set, and is not written down
    assert CliRunner().invoke(main, ["init", "--profile", "internal"]).exit_code == 0
    found = Home.open().told
    assert found == House((), "drop", "Asia/Tokyo", "internal", {}, {"schema": "kpis", "readers": ["bi"]}, True)


@pytest.mark.parametrize("command", [["audit", "verify"], ["keys", "list"]])
def test_whatever_makes_a_master_key_says_what_losing_it_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(Home.open(tmp_path / "home").root))
    told = [CliRunner().invoke(main, command).stderr for _ in range(2)]
    assert (tmp_path / "home" / "keys" / "master.key").exists()
    assert ["Losing them" in words for words in told] == [True, False]


def test_status_on_a_terminal_tells_every_reason_without_the_master_key(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": "select _record, raw ->> '$.id' as case_id from rows"})
    house.drop("rows_1.jsonl", "")
    house.keyring.key("file_names")
    for run, reason in (("r1", "desk: down"), ("r2", f"desk: file {'0' * 24}, is empty")):
        outcomes = pipeline.Outcomes(house.home, run)
        outcomes.begin()
        outcomes.fail("desk", "extract", reason)
        outcomes.conclude(house.home, run, "failed")
    (house.home.root / "keys" / "master.key").unlink()
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "orchestration.cli", "--home", str(house.home.root), "status"]
    done = subprocess.run(command, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0 and "desk: down" in told and f"file {'0' * 24}, is empty" in told, told


def test_the_inbox_is_listed_once_for_all_reasons_and_only_for_one_with_a_file(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    write_source(house.sources, "desk", {"case": "select _record, raw ->> '$.id' as case_id from rows"})
    house.drop("rows_1.jsonl", "")
    known = file_ids(house.keyring, "desk")("rows_1.jsonl")
    listings: list[str] = []
    listed = names.listed
    monkeypatch.setattr(names, "listed", lambda *given: listings.append("listed") or listed(*given))
    assert commands.named(house.home, ["desk: down"], Terminal()) == ["desk: down"] and not listings
    told = commands.named(house.home, [f"file {known}", "desk: down", f"file {known}, is empty"], Terminal())
    real = f"file 'rows_1.jsonl' ({known})"
    assert told == [real, "desk: down", f"{real}, is empty"] and len(listings) == 1


MAKES_A_HOME = {"init", "restore", "run", "sample", "sources add", "ui"}


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what one types for it."""

    def below(typed: str, found: click.Command) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(found, click.Group):
            yield typed, found
        else:
            for name, command in found.commands.items():
                yield from below(f"{typed} {name}", command)

    for name in commands.names():
        yield from below(name, import_module(f"{commands.__name__}.{name}").command)


def needed(command: click.Command) -> list[str]:
    """Arguments that let a command begin."""
    given = []
    for param in command.params:
        if param.required:
            value = param.type.choices[0] if isinstance(param.type, click.Choice) else "5"
            given += [value] if isinstance(param, click.Argument) else [param.opts[0], value]
        elif "--dry-run" in param.opts:
            given.append("--dry-run")
    return given


EVERY = dict(every_command())


@pytest.mark.parametrize("typed", sorted(set(EVERY) - MAKES_A_HOME - {"doctor"}))
def test_a_path_without_a_home_is_refused_and_nothing_is_made_there(
    tmp_path: Path, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOICEHOUSE_HOME", raising=False)
    done = CliRunner().invoke(main, ["--home", "typo", *typed.split(), *needed(EVERY[typed])])
    assert done.exit_code == 2 and f"there is no home at {tmp_path / 'typo'}" in done.stderr, done.output
    assert not (tmp_path / "typo").exists()


# What acts, and says in a sentence that it did: everything else, and every dry run, is for machines too.
ACTS = {
    *("alerts send", "alerts test", "backup", "init", "publish withdraw", "quarantine replay", "restore", "sample"),
    *("sources add", "ui"),
}


@pytest.mark.parametrize("typed", sorted(set(EVERY) - ACTS))
def test_what_reads_or_tries_it_dry_answers_machines(typed: str) -> None:
    assert any("--json" in param.opts for param in EVERY[typed].params)


def test_no_command_that_acts_alone_has_a_dry_run() -> None:
    assert not [typed for typed in ACTS if any("--dry-run" in param.opts for param in EVERY[typed].params)]


# Nothing in them grows with the data: a list of names or notes, a setting, one line written.
QUICK = {
    *("init", "keys list", "privacy incident list", "quarantine list", "quarantine show", "reidentify approve"),
    *("sources add", "sources list", "subject requests", "team key"),
}
PROGRESS = {"_progress.bar", "ticking"}


def called(node: ast.AST) -> set[str]:
    """What a piece of code calls, by the names it uses."""
    return {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}


def module_of(command: click.Command) -> tuple[dict[str, ast.AST], str]:
    """The functions of a command's module, and which of them the command is."""
    function = inspect.unwrap(command.callback)
    tree = ast.parse(Path(inspect.getsourcefile(function)).read_text(encoding="utf-8"))
    return {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}, function.__name__


@pytest.mark.parametrize("typed", sorted(EVERY))
def test_every_command_tells_that_it_goes_on_or_is_named_as_quick(typed: str) -> None:
    functions, name = module_of(EVERY[typed])
    reached, at = set(), {name}
    while at - reached:
        reached |= at
        at = {by for one in at & set(functions) for by in called(functions[one])}
    assert bool(reached & PROGRESS) != (typed in QUICK), "tick, or be named as quick; not both"


def test_no_command_looks_for_a_person_in_silence() -> None:
    """Dry runs too: each goes over the whole lake."""
    functions, _ = module_of(EVERY["subject find"])
    looks = {"held", "register", "would"}
    silent = set()
    for name, function in functions.items():
        told = {
            id(inner)
            for block in ast.walk(function)
            if isinstance(block, ast.With) and any(called(item) & PROGRESS for item in block.items)
            for inner in ast.walk(block)
        }
        calls = [c for c in ast.walk(function) if isinstance(c, ast.Call) and isinstance(c.func, ast.Attribute)]
        silent |= {name for c in calls if c.func.attr in looks and id(c) not in told}
    assert silent == set()


def test_a_look_back_makes_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", "")
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "typo"), "run", "--known-at", "2026-01-01"])
    assert done.exit_code == 2 and "there is no home at" in done.stderr and not (tmp_path / "typo").exists()


def test_a_place_that_cannot_be_is_told_in_words(house: TestHouse, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    home = ["--home", str(house.home.root)]
    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    out = ["--truth", str(tmp_path / "truth"), "--customers", "50"]
    for arguments, words in (
        (["--home", str(file), "init"], f"{file} is no folder"),
        ([*home, "backup", str(tmp_path / "none" / "b"), "--key-file", str(key)], f"{tmp_path / 'none'} is not there"),
        ([*home, "sample", "--inbox", str(file), *out], f"{file} is no folder"),
        ([*home, "sources", "add", "desk", "--folder", str(file)], f"{file} is no folder"),
    ):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 2 and words in done.stderr and "name another" in done.stderr, done.output


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_a_home_of_another_user_is_told_in_words(tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel tells a user who is not the tests', who may be root."""

    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setenv("VOICEHOUSE_HOME", "")
    monkeypatch.setattr(Path, "exists", closed)
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "theirs"), command])
    assert done.exit_code == 2 and "may not be read or written by this user" in done.stderr


def test_a_store_that_this_user_may_not_read_is_a_fault_of_the_home(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel tells a user who is not the tests', who may be root."""
    from orchestration import watch

    lake = house.home.root / "lake"

    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(lake / "_commits"))

    monkeypatch.setattr(watch, "status", closed)
    done = CliRunner().invoke(main, ["--home", str(house.home.root), "status"])
    assert done.exit_code == 1 and f"{lake / '_commits'} of the home may not be read" in done.stderr
    assert "chmod" in done.stderr


def test_a_home_that_lost_its_mark_is_told_as_such_and_init_writes_it(house: TestHouse) -> None:
    (house.home.root / "format.json").unlink()
    home = ["--home", str(house.home.root)]
    done = CliRunner().invoke(main, [*home, "status"])
    assert done.exit_code == 1 and "lost its format.json: take it from a backup" in done.stderr
    assert CliRunner().invoke(main, [*home, "init"]).exit_code == 0
    assert CliRunner().invoke(main, [*home, "status"]).exit_code == 0


def test_a_file_of_ours_that_is_missing_is_a_fault_with_its_place(
    runner: CliRunner, house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        (house.home.root / "lake" / "gone" / "part").read_bytes()

    monkeypatch.setattr("orchestration.lake.quarantine.batches", fail)
    done = runner.invoke(main, ["quarantine", "list"])
    assert done.exit_code == 1 and "FileNotFoundError at" in done.stderr


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"VOICEHOUSE_MEMORY_LIMIT": "lots"}, ["lake", "compact"]),
        ({"VOICEHOUSE_THREADS": "many"}, ["lake", "compact"]),
        ({"VOICEHOUSE_THREADS": "0"}, ["lake", "compact"]),
        ({"VOICEHOUSE_MEMORY_LIMIT": "lots"}, ["doctor"]),
        ({"VOICEHOUSE_LOG": "foo"}, ["status"]),
        ({}, ["run", "--source", "nosuch"]),
        ({}, ["run", "--since", "rubbish"]),
        ({}, ["run", "--since", "0001-01-01T00:00:00+23:00"]),
        ({}, ["run", "--known-at", "rubbish"]),
        ({}, ["sample", "--inbox", "in", "--truth", "out", "--customers", "5"]),
    ],
)
def test_an_unknown_value_is_used_wrongly(
    runner: CliRunner, variables: dict[str, str], arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = runner.invoke(main, arguments)
    assert done.exit_code == 2 and " at " not in done.stderr.splitlines()[-1], done.output
    assert not variables or next(iter(variables)) in done.stderr


def test_processes_that_are_the_first_at_once_make_one_home(tmp_path: Path) -> None:
    child = (
        "import sys\nfrom orchestration.home import Home\nfrom orchestration.privacy.keys import Keyring\n"
        "from orchestration.privacy.policy import Policy\nsys.stdin.readline()\n"
        "home = Home.open(sys.argv[1])\nPolicy.of(home)\nring = Keyring(home)\n"
        "print(ring.hex('ours'), ring.hex(sys.argv[2]))\n"
    )
    for attempt in range(3):
        root = tmp_path / str(attempt)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", child, str(root), f"own_{n}"], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for n in range(4)
        ]  # fmt: skip
        for process in started:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        told = [process.communicate() for process in started]
        assert [process.returncode for process in started] == [0] * 4, told
        ours, own = zip(*(out.split() for out, _ in told), strict=True)
        assert len(set(ours)) == 1
        ring = Keyring(Home(root))
        assert [ring.hex(f"own_{n}") for n in range(4)] == list(own)
        assert not list(root.rglob(".*.draft*"))


@pytest.mark.parametrize(
    ("slow", "typed"),
    [
        ("orchestration.lake.rewrite.compactable", "lake compact --dry-run"),
        ("orchestration.lake.quarantine.replay", "quarantine replay some"),
        ("orchestration.pipeline.let_go", "retention run --json"),
        ("orchestration.pipeline.report_privacy", "privacy report --json"),
        ("orchestration.running.look_back", "run --known-at 2026-01-01"),
        ("orchestration.running.execute", "run"),
        ("orchestration.backup.write", "backup b --key-file {key}"),
        ("orchestration.sources.check.check", "sources check reference"),
    ],
)
def test_what_takes_long_says_on_standard_error_that_it_goes_on(
    runner: CliRunner, tmp_path: Path, slow: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_long(*_: object, **__: object) -> None:
        time.sleep(1)
        raise VoicehouseError("it took long")

    (tmp_path / "key").write_bytes(os.urandom(32))
    monkeypatch.setattr(slow, take_long)
    monkeypatch.setattr(_progress, "KEPT", (0.2, 10.0))
    done = runner.invoke(main, typed.format(key=tmp_path / "key").split())
    assert done.exit_code == 1 and done.stderr.count("still at") == 1, done.output
    assert done.stderr.endswith("voicehouse: it took long\n") and "still" not in done.stdout


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_log_is_not_told_of_every_step_that_takes_some_seconds(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = io.StringIO()
    kept.isatty = lambda: is_terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", kept)
    with _progress.ticking("load"):
        time.sleep(2.6)
    assert kept.getvalue() == ("… still at load, 2 s\n" if is_terminal else "")


def test_work_goes_on_when_whoever_read_of_it_is_gone(tmp_path: Path) -> None:
    """As in `voicehouse run 2>&1 | head -1`."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom orchestration.commands import _progress\n"
        "_progress.KEPT = (0.1, 0.1)\n_progress.tell('first')\nsys.stdin.readline()\n"
        "with _progress.ticking('load'):\n"
        "    for n in range(3):\n        _progress.tell(f'step {n}')\n        time.sleep(0.4)\n"
        f"Path({str(tmp_path / 'done')!r}).touch()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:
        assert process.stdout.readline() == "first\n"
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait() == 0
    assert (tmp_path / "done").exists()


def test_a_new_step_is_told_by_its_own_name_and_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "KEPT", _progress.LOOKED_ON)
    with _progress.ticking("guard crm") as at:
        time.sleep(2.6)
        at("load")
        time.sleep(2.6)
    assert capsys.readouterr().err == "… still at guard crm, 2 s\n… still at load, 2 s\n"
