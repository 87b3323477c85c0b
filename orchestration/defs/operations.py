"""Operations on persons' data as jobs: a request answered by its number, retention, keys, report, canaries.

Keep out: the operations themselves, and asking by whom a person is known: run configuration is kept by Dagster, so it holds
numbers of the register (`voicehouse subject register`), never an identifier. Metadata are counts.
"""

import os
from dataclasses import asdict

import dagster as dg

from orchestration import answering, canary, pipeline
from orchestration.defs.resources import WAIT_SECONDS
from orchestration.home import Home
from orchestration.lake import promote
from orchestration.lake.store import live_paths
from orchestration.logs import Step
from orchestration.privacy import retention, roles, rotation, withdrawal
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.sources.registry import discover


class Asked(dg.Config):
    """A request of the register. `role`: in which one answers. `purpose`: what an objection is to."""

    request: str
    role: str = "compliance"
    purpose: str = "analytics"


class Dry(dg.Config):
    """Only count what would go."""

    dry_run: bool = False


class Rotation(dg.Config):
    """In which role one asks."""

    role: str = "engineer"


def _house() -> tuple[Home, Keyring]:
    os.umask(0o077)  # whoever started this process: what is written is closed to others
    home = Home.open()
    return home, Keyring(home)


@dg.op
def answer(context: dg.OpExecutionContext, config: Asked) -> None:
    """A copy lies in `ops/copies/<request>.json` of the home; a receipt in `ops/receipts/`."""
    with Step("subject request", context.run_id, ours=(dg.Failure,)):
        home, keyring = _house()
        roles.require(home, keyring, config.role, "subject")
        with home.writing("subject request", WAIT_SECONDS):
            request = answering.open_request(home, keyring, config.request)
            AuditLog(home, keyring).append(
                f"subject {request.action}, by its number", role=config.role, request=request.request_id
            )
            if request.action == "access":
                counts = answering.copy(
                    home, keyring, request, home.folder("ops", "copies") / f"{request.request_id}.json"
                )
                context.add_output_metadata({"rows": sum(counts.values())})
            elif request.action == "erase":
                receipt, _, failed = answering.erase(home, keyring, request)
                context.add_output_metadata(
                    {"before": sum(receipt.before.values()), "after": sum(receipt.after.values())}
                )
                if failed or not receipt.is_complete:
                    raise dg.Failure(
                        "the erasure is not complete, or what was to be served failed its checks: see the receipt"
                    )
            elif request.action in ("restrict", "object"):
                purpose = None if request.action == "restrict" else config.purpose
                context.add_output_metadata({"rows": answering.restrict(home, keyring, request, purpose)})
            else:
                raise dg.Failure(f"a request to {request.action} is answered on the command line")


@dg.op
def expire(context: dg.OpExecutionContext, config: Dry) -> None:
    """What is past its term, and what rests on a withdrawn consent."""
    with Step("retention", context.run_id, ours=(dg.Failure,)):
        home, keyring = _house()
        with home.writing("retention run", WAIT_SECONDS):
            every = discover(home, active_only=False)
            withdrawn = withdrawal.run(home, keyring, every, config.dry_run)
            expired = retention.run(home, keyring, every, config.dry_run)
        context.add_output_metadata({**asdict(expired), "withdrawn": withdrawn.rows, "dry_run": config.dry_run})


@dg.op
def rotate(context: dg.OpExecutionContext, config: Rotation) -> None:
    """Every kind of key; models and served files are made anew."""
    with Step("keys rotate", context.run_id, ours=(dg.Failure,)):
        home, keyring = _house()
        roles.require(home, keyring, config.role, "keys rotate")
        with home.writing("keys rotate", WAIT_SECONDS):
            pipeline.load_staged(home, keyring)
            promote.sweep_orphans(home)
            done = rotation.rotate(home, keyring)
            failed = pipeline.rebuild(home, keyring, done.commit) if live_paths(home) else ()
        context.add_output_metadata(asdict(done))
        if failed or not done.is_sound:
            raise dg.Failure("the rotation is not sound, or what was to be served failed its checks")


@dg.op
def write_report(context: dg.OpExecutionContext) -> None:
    """The privacy report of what is served, or waits for its sign-off."""
    with Step("privacy report", context.run_id, ours=(dg.Failure,)):
        home, keyring = _house()
        with home.writing("privacy report", WAIT_SECONDS):
            done = pipeline.report_privacy(home, keyring)
        context.add_output_metadata({"sha256": done.sha256})


@dg.op
def send_canaries(context: dg.OpExecutionContext) -> None:
    """Made-up persons through every step, looked for in every artefact."""
    with Step("canaries", context.run_id, ours=(dg.Failure,)):
        home, _ = _house()
        with home.writing("privacy canary", WAIT_SECONDS):
            found = canary.prove(home)
        context.add_output_metadata({"files": found.files, "columns": found.columns, "found": len(found.found)})
        if found.found:
            raise dg.Failure("canaries were found: see check C6")


def _job(name: str, op: dg.OpDefinition, description: str) -> dg.JobDefinition:
    @dg.job(name=name, description=description, executor_def=dg.in_process_executor)
    def job() -> None:
        op()

    return job


subject_request = _job("subject_request", answer, "Answers a request of the register: access, erase, restrict, object.")
retention_run = _job("retention_run", expire, "Deletes what is past its term and what rests on a withdrawn consent.")
keys_rotate = _job("keys_rotate", rotate, "Replaces every kind of key.")
privacy_report = _job("privacy_report", write_report, "Writes the privacy report anew.")
privacy_canary = _job("privacy_canary", send_canaries, "Sends made-up persons through every step: check C6.")


@dg.definitions
def defs() -> dg.Definitions:
    """Jobs that somebody starts; none has a schedule."""
    return dg.Definitions(jobs=[subject_request, retention_run, keys_rotate, privacy_report, privacy_canary])
