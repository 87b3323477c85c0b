"""Operations on persons' data: dry runs change nothing, and Dagster's jobs do what the commands do, without a value.

Keep out: what each operation means (test_subjects.py, test_retention.py, test_rotation.py).
"""

import fcntl
import hashlib
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from orchestration import alerts, canary, logs, modelling, pipeline
from orchestration.defs import incidents, operations, persons, started
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.privacy import evidence
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.serving.report import last_run
from tests.faults.traces import found_under
from tests.house import TestHouse
from tests.integration.test_subjects import WHO, command, filled, made
from tests.receivers import Webhook, running

__all__ = ["filled", "made"]

ZORA = ["--email", "zora@example.org", *WHO]
PLANTED = ["zora@example.org", "quill@example.net", "Zora Quill"]


def stores(house: TestHouse) -> dict[str, str]:
    """Digest of every file that an operation could change; the audit log grows, and temporary files come and go."""
    root = house.home.root
    kept = ("lake", "vault", "keys", "erased", "quarantine", "serving", "ops", "published")
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for name in kept
        for p in (root / name).rglob("*")
        if p.is_file()
    }


DRY: list[tuple[list[str], int | None]] = [
    (["subject", "export", *ZORA, "--to", "COPY"], 4),
    (["subject", "erase", *ZORA], 4),
    (["subject", "rectify", *ZORA, "--wrong-email", "quill@example.net"], 2),
    (["subject", "restrict", *ZORA], 4),
    (["subject", "object", *ZORA], 4),
    (["retention", "run"], 0),
    (["keys", "rotate", "--role", "engineer"], None),
    (["subject", "register", *ZORA, "--action", "erase"], None),
    (["privacy", "dpia"], None),
]


def test_a_dry_run_counts_what_would_be_done_and_does_nothing(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = stores(filled)
    for arguments, told in DRY:
        given = [str(tmp_path / "copy.json") if a == "COPY" else a for a in arguments]
        done = command(filled, monkeypatch, *given, "--dry-run", "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        if told is not None:
            counts = found if isinstance(found, dict) else {"rows": found}
            by_kind = counts.get("rows", {k: v for k, v in counts.items() if isinstance(v, int)})
            assert (sum(by_kind.values()) if isinstance(by_kind, dict) else by_kind) == told, arguments
        assert stores(filled) == before, arguments
    assert not (tmp_path / "copy.json").exists()


@pytest.mark.parametrize("action", ["access", "erase", "rectify", "restrict", "object"])
def test_a_job_that_answers_a_request_or_closes_it_can_be_tried_dry(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    request = registered(filled, monkeypatch, action)
    before = stores(filled)
    done = run(filled, monkeypatch, "subject_request", request=request, dry_run=True)
    told = metadata(done)
    assert done.success and told["dry_run"] is True and stores(filled) == before
    assert told["correct_at_source"] if action == "rectify" else told["rows"] == 4
    ended = run(filled, monkeypatch, "subject_close", request=request, outcome="refused", reason="letter", dry_run=True)
    assert ended.success and metadata(ended) == {"action": action, "dry_run": True}
    listed = command(filled, monkeypatch, "subject", "requests", "--open", "--json")
    assert [r["request"] for r in json.loads(listed.stdout)] == [request]


def test_a_rotation_is_tried_dry_by_a_job_too(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stores(filled)
    done = run(filled, monkeypatch, "keys_rotate", dry_run=True)
    told = json.loads(
        command(filled, monkeypatch, "keys", "rotate", "--role", "engineer", "--dry-run", "--json").stdout
    )
    assert done.success and stores(filled) == before
    assert metadata(done) == {"keys": ", ".join(told["keys"]), "files": told["files"], "dry_run": True}


def test_an_approval_tried_dry_lets_nobody_ask_for_many(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = ["reidentify", "approve", "--persons", "20", "--role", "compliance", "--ticket", "T-1"]
    dry = command(filled, monkeypatch, *ask, "--dry-run")
    assert dry.exit_code == 0 and "persons: 20" in dry.stdout
    assert not (filled.home.root / "ops" / "approvals").exists()
    assert AuditLog(filled.home, filled.keyring).newest("reidentify approved") is None
    assert command(filled, monkeypatch, *ask).exit_code == 0
    assert len(list((filled.home.root / "ops" / "approvals").iterdir())) == 1  # the control


def test_a_lost_vault_is_not_started_anew_by_a_dry_run(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = ["vault", "reinit", "--role", "engineer", "--dry-run"]
    assert "there is a vault" in command(filled, monkeypatch, *ask).stderr
    (filled.home.root / "vault" / "vault.duckdb").unlink()
    before = stores(filled)
    done = command(filled, monkeypatch, *ask)
    assert done.exit_code == 0 and "generation" in done.stdout and stores(filled) == before


def run(house: TestHouse, monkeypatch: pytest.MonkeyPatch, name: str, **config: object) -> dg.ExecuteInProcessResult:
    """A job in this process, with Dagster's own storage in the home, as a user's Dagster has it."""
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    job = dg.Definitions.merge(operations.defs(), persons.defs(), incidents.defs()).get_job_def(name)
    op = next(iter(job.nodes)).name
    with dg.DagsterInstance.local_temp(str(house.home.folder("dagster"))) as instance:
        asked = {"ops": {op: {"config": config}}} if config else {}
        return job.execute_in_process(run_config=asked, instance=instance, raise_on_error=False)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    found: dict[str, object] = {}
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_OUTPUT:
            found |= {k: v.value for k, v in event.step_output_data.metadata.items()}
    return found


def registered(house: TestHouse, monkeypatch: pytest.MonkeyPatch, action: str) -> str:
    done = command(house, monkeypatch, "subject", "register", *ZORA, "--action", action, "--json")
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout)["request"])


def test_a_request_is_answered_by_its_number_and_no_value_stands_in_dagsters_history(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = registered(filled, monkeypatch, "access")
    done = run(filled, monkeypatch, "subject_request", request=request)
    assert done.success and metadata(done) == {"rows": 4, "waiting": 0}
    copy = filled.home.root / "ops" / "copies" / f"{request}.sealed"
    assert copy.stat().st_mode & 0o077 == 0 and found_under([filled.home.root], PLANTED) == set()
    to = filled.home.root.parent / "for_her" / "copy.json"
    to.parent.mkdir()
    fetch = ["answer", request, "--reason", "letter", "--to", str(to), "--json"]
    assert command(filled, monkeypatch, *fetch, "--role", "handler").exit_code == 5 and not to.exists()
    told = json.loads(command(filled, monkeypatch, *fetch, "--role", "compliance").stdout)
    assert told == {"number": request, "operation": "subject", "to": str(to)} and to.stat().st_mode & 0o077 == 0
    assert found_under([to.parent], PLANTED) == set(PLANTED)  # the control: what was sealed is all that she may read
    again = run(filled, monkeypatch, "subject_request", request=request)
    assert not again.success  # it is answered
    listed = command(filled, monkeypatch, "subject", "requests", "--open", "--json")
    assert json.loads(listed.stdout) == []


def test_an_objection_is_answered_by_its_number(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    used = "select count(*) from lake.case where list_contains(purposes, 'analytics')"
    assert filled.rows(used) == [(4,)]
    done = run(filled, monkeypatch, "subject_request", request=registered(filled, monkeypatch, "object"))
    assert done.success and metadata(done) == {"rows": 4} and filled.rows(used) == [(1,)]


def test_roles_bind_jobs_too_and_every_attempt_is_on_record(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    request = registered(filled, monkeypatch, "erase")
    done = run(filled, monkeypatch, "subject_request", request=request, role="analyst")
    assert not done.success
    assert not run(filled, monkeypatch, "keys_rotate", role="compliance").success
    assert not run(filled, monkeypatch, "subject_request", request=request, role="").success
    refused = [x["facts"] for x in AuditLog(filled.home, filled.keyring).lines() if x["action"] == "refused"]
    assert refused == [
        {"operation": "subject", "role": "analyst"},
        {"operation": "keys rotate", "role": "compliance"},
        {"operation": "subject", "role": ""},
    ]
    assert filled.rows("select count(*) from lake.case") == [(4,)]


def test_retention_counts_and_deletes(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2030-01-01T00:00:00Z")
    assert not run(filled, monkeypatch, "retention_run", dry_run=True, role="analyst").success
    dry = run(filled, monkeypatch, "retention_run", dry_run=True)
    assert dry.success and metadata(dry)["rows"] == 6 and filled.rows("select count(*) from lake.case") == [(4,)]
    done = run(filled, monkeypatch, "retention_run", dry_run=False)
    assert done.success and metadata(done)["rows"] == 6 and filled.rows("select count(*) from lake.case") == [(0,)]


@pytest.mark.parametrize("name", ["keys_rotate", "privacy_canary", "privacy_dpia", "privacy_report", "retention_run"])
def test_no_job_writes_while_another_run_does(filled: TestHouse, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(started, "WAIT_SECONDS", 0)
    before = stores(filled)
    with (filled.home.root / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(filled, monkeypatch, name)
    assert not done.success
    (told,) = [r for r in pipeline.run_history(filled.home) if r["run_id"] == done.run_id]
    assert told["status"] == "failed" and told["job"] == name and "is writing to this home" in told["reason"]
    history = "ops/runs.jsonl"
    assert {k: v for k, v in stores(filled).items() if k != history} == {
        k: v for k, v in before.items() if k != history
    }


def test_a_job_that_fails_is_told_once_and_says_nothing_on_the_managers_page(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(f"could not read '{PLANTED[0]}'")

    filled.home.furnish(replace(filled.home.house, alerts={"webhook": True, "on": ["run_failed"]}), anew=True)
    monkeypatch.setattr(pipeline, "let_go", fail)
    with running(Webhook()) as receiver:
        monkeypatch.setenv("VOICEHOUSE_ALERT_WEBHOOK", receiver.address)
        done = run(filled, monkeypatch, "retention_run")
        assert alerts.send(filled.home) == []
    told = pipeline.run_history(filled.home)[-1]
    assert (told["run_id"], told["status"], told["job"]) == (done.run_id, "failed", "retention_run")
    assert told["reason"].startswith("retention run: ValueError at ")
    (posted,) = receiver.got
    assert f"run {done.run_id[:8]} failed (retention_run)" in posted["text"]
    assert (last_run(filled.home) or {}).get("run_id") != done.run_id
    assert "failed at retention_run" in command(filled, monkeypatch, "status").stdout
    assert found_under([filled.home.root], PLANTED) == set()


def test_a_foreign_error_in_any_job_leaves_its_words_behind(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a library says: Dagster's history, logs, the home's history and the terminal name only the place."""

    def fail(*_: object) -> None:
        raise ValueError(f"could not read '{PLANTED[0]}'")

    monkeypatch.setenv("VOICEHOUSE_LOG", "json")
    logs.configure()
    monkeypatch.setattr(started, "Keyring", fail)
    every = dg.Definitions.merge(operations.defs(), persons.defs(), incidents.defs()).jobs or ()
    made_up = {str: "2026", list[str]: ["x"], int: 1}
    for job in every:
        assert isinstance(job, dg.JobDefinition)
        op = next(iter(job.nodes)).definition
        assert isinstance(op, dg.OpDefinition)
        config = op.compute_fn.decorated_fn.__annotations__.get("config")
        fields = config.model_fields.items() if config else ()
        done = run(filled, monkeypatch, job.name, **{n: made_up[f.annotation] for n, f in fields if f.is_required()})
        (error,) = [e.step_failure_data.error for e in done.all_events if e.is_step_failure]
        assert error and "ValueError at started.py:" in error.to_string(), job.name
        told = pipeline.run_history(filled.home)[-1]
        assert (told["run_id"], told["job"]) == (done.run_id, job.name) and "ValueError at" in told["reason"]
    monkeypatch.delenv("VOICEHOUSE_LOG")
    logs.configure()
    terminal = capfd.readouterr()
    assert terminal.err.count('.failed", "run"') == len(list(every)) > 15
    assert found_under([filled.home.root], PLANTED) == set()
    assert not [value for value in PLANTED if value in terminal.out + terminal.err]


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_job_that_fails_at_making_the_figures_anew_is_told_once(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    def publish(home: Home, keyring: object, run_id: str) -> SimpleNamespace:
        if not is_refused:
            raise VoicehouseError("publication broke off")
        pipeline.Outcomes(home, run_id).note("refused", ["sums"])
        return SimpleNamespace(failed_checks=("sums",))

    def rotate(home: Home, keyring: Keyring) -> None:
        pipeline.rebuild(home, keyring, "anew")
        raise dg.Failure("what was to be served failed its checks")

    for name in ("manifest", "building", "run"):
        monkeypatch.setattr(modelling, name, lambda *_: nullcontext(modelling.Build(None, "", 0, {})))
    monkeypatch.setattr(pipeline, "check_home", lambda *_: [])
    monkeypatch.setattr(pipeline, "publish", publish)
    monkeypatch.setattr(pipeline, "rotate_keys", rotate)
    before = len(pipeline.run_history(filled.home))
    assert not run(filled, monkeypatch, "keys_rotate").success
    assert [(r["run_id"], r["status"]) for r in pipeline.run_history(filled.home)[before:]] == [("anew", "failed")]
    assert [a.kind for a in alerts.due(filled.home)] == ["run_failed"]


def test_canaries_are_sent_by_a_job_that_fails_where_nothing_is_proved(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "_contents", lambda path: [])
    done = run(filled, monkeypatch, "privacy_canary")
    (failure,) = [e.step_failure_data.error for e in done.all_events if e.is_step_failure]
    assert failure and "proves nothing" in failure.to_string() and evidence.noted(filled.home) == {}


def test_assessment_material_is_written_by_a_job(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(filled, monkeypatch, "privacy_dpia")
    (path,) = (filled.home.root / "ops" / "dpia").glob("*.json")
    assert done.success and metadata(done)["sha256"] == json.loads(path.read_text())["sha256"]


@pytest.mark.operate
@pytest.mark.timeout(3600)
@pytest.mark.slow
def test_an_erasure_and_a_rotation_are_jobs(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(filled, monkeypatch, "subject_request", request=registered(filled, monkeypatch, "erase"))
    assert done.success and metadata(done)["after"] == 0 and metadata(done)["before"]
    turned = run(filled, monkeypatch, "keys_rotate", role="engineer")
    assert turned.success and metadata(turned)["dead"] == 0
    told = run(filled, monkeypatch, "privacy_report")
    assert told.success and len(str(metadata(told)["sha256"])) == 64
