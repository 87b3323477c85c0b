"""Whatever can be tried dry, by command or by job, leaves every file of the home as it was.

Keep out: what a dry run counts (the tests of each operation). By design a try leaves a line in the audit log, and a job
what Dagster keeps of it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from orchestration import pipeline
from orchestration.defs import incidents, operations, persons
from orchestration.privacy.policy import furnish
from tests.house import TestHouse
from tests.integration.test_incidents import OPEN, opened
from tests.integration.test_operations import ZORA, registered, run
from tests.integration.test_subjects import WHO, command, filled, made
from tests.unit.test_commands import EVERY

__all__ = ["filled", "made"]

GROWS = {"audit", "dagster", "tmp", "lock"}
RECIPIENT = '[recipients.lab]\nrole = "processor"\nagreement = "DPA-1"\nplace = "CN"\n'
ACTIONS = ("access", "erase", "rectify", "restrict", "object")
ENGINEER = ["--role", "engineer"]
END = ["--outcome", "refused", *WHO]
LEAVING = ["cases", "--recipient", "lab", "--purpose", "analytics", "--role", "analyst"]

Asked = Mapping[str, list[list[str]]]
Configured = Mapping[str, list[dict[str, object]]]


def files(house: TestHouse) -> dict[str, tuple[int, str]]:
    """Size and digest of every file of the home and beside it, but for those that grow by design."""
    root = house.home.root
    found = (
        p for p in root.parent.rglob("*") if p.is_file() and not (p.is_relative_to(root) and top(p, root) in GROWS)
    )
    return {str(p): (p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest()) for p in found}


def top(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0]


def asked(requests: list[str], incident: str, pseudonym: str, beside: Path) -> tuple[Asked, Configured]:
    """What the dry runs of a house with such requests, incident and person are asked, by command and by job."""
    by = ["--role", "compliance"]
    commands: Asked = {
        "keys rewrap": [ENGINEER],
        "keys rotate": [ENGINEER],
        "lake compact": [[]],
        "privacy canary": [[]],
        "privacy dpia": [[]],
        "privacy incident close": [[incident, "--outcome", "none", *by]],
        "privacy incident export": [[incident, *by]],
        "privacy incident open": [OPEN[3:]],
        "privacy incident scope": [[incident, *by]],
        "reidentify approve": [["--persons", "20", "--ticket", "T-1", *by]],
        "retention run": [[]],
        "subject close": [[request, *END] for request in requests],
        "subject erase": [ZORA],
        "subject export": [[*ZORA, "--to", str(beside / "copy.json")]],
        "subject object": [ZORA, [*ZORA, "--lift"]],
        "subject rectify": [[*ZORA, "--wrong-email", "quill@example.net"]],
        "subject register": [[*ZORA, "--action", "erase"]],
        "subject restrict": [ZORA, [*ZORA, "--lift"]],
    }
    noticed: dict[str, object] = {"reason": "a laptop is gone", "ticket": "T-9"}
    jobs: Configured = {
        "incident_close": [{"incident": incident, "outcome": "none"}],
        "incident_export": [{"incident": incident}],
        "incident_open": [noticed],
        "incident_scope": [{"incident": incident}],
        "keys_rotate": [{}],
        "privacy_canary": [{}],
        "privacy_dpia": [{}],
        "retention_run": [{}],
        "subject_close": [{"request": requests[1], "outcome": "refused", "reason": "letter"}],
        "subject_register": [{"pseudonym": pseudonym, "action": "erase", "reason": "letter"}],
        "subject_request": [{"request": request} for request in requests],
    }
    return commands, jobs


def tried(house: TestHouse, monkeypatch: pytest.MonkeyPatch, commands: Asked, jobs: Configured) -> None:
    """Try each dry, and look at every file after each."""
    before = files(house)
    for typed, ways in commands.items():
        for given in ways:
            done = command(house, monkeypatch, *typed.split(), *given, "--dry-run")
            assert done.exit_code == 0 or "exported" in done.stderr, (typed, given, done.output)
            assert files(house) == before, (typed, given)
    for name, configs in jobs.items():
        for config in configs:
            assert run(house, monkeypatch, name, **config, dry_run=True).success, (name, config)
            assert files(house) == before, (name, config)


def with_dry_run() -> set[str]:
    """Every job that can be tried dry."""
    every = dg.Definitions.merge(operations.defs(), persons.defs(), incidents.defs()).jobs or ()
    found = set()
    for job in every:
        op = next(iter(job.nodes)).definition
        config = op.compute_fn.decorated_fn.__annotations__.get("config")
        if config and "dry_run" in config.model_fields:
            found.add(job.name)
    return found


@pytest.mark.slow
def test_no_dry_run_of_a_command_or_job_writes_a_file(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(filled.home)
    with (filled.home.root / "policy.toml").open("a") as policy:
        policy.write(RECIPIENT)
    requests = [registered(filled, monkeypatch, action) for action in ACTIONS]
    incident = opened(filled, monkeypatch)
    assert command(filled, monkeypatch, "privacy", "incident", "scope", incident, *OPEN[-2:]).exit_code == 0
    ((pseudonym,), *_) = filled.rows("select subject_key from lake.case where subject_key is not null")
    commands, jobs = asked(requests, incident, pseudonym, filled.home.root.parent)
    tried(filled, monkeypatch, commands, jobs)  # before models are built: nobody has been erased or published yet
    pipeline.rebuild(filled.home, filled.keyring, "anew")
    (report,) = (filled.home.root / "ops" / "privacy").glob("*.json")
    sha256 = json.loads(report.read_text())["sha256"]
    served = {"privacy report": [[]], "privacy sign-off": [["--name", "C", "--role", "compliance"]]}
    served_jobs: Configured = {"privacy_report": [{}], "privacy_sign_off": [{"sha256": sha256}]}
    tried(filled, monkeypatch, {**served, "export": [LEAVING]}, served_jobs)
    (filled.home.root / "vault" / "vault.duckdb").unlink()
    lost = {"vault reinit": [ENGINEER]}
    tried(filled, monkeypatch, lost, {"vault_reinit": [{}]})
    known = {typed for typed, made in EVERY.items() if any("--dry-run" in param.opts for param in made.params)}
    assert {*commands, *served, *lost, "export"} == known
    # Of so few persons no row leaves, and a job that is refused is a failed one: tests/unit/test_export.py tries it.
    assert {*jobs, *served_jobs, "vault_reinit", "rows_export"} == with_dry_run()
