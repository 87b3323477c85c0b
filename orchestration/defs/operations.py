"""Operations on persons' data as jobs.

A request answered by its number, exports, retention, keys, reports, incidents, canaries.

Keep out: the operations themselves, and asking by whom a person is known: run configuration is kept by Dagster, so it
holds numbers of the register (`voicehouse subject register`), never an identifier. Metadata are counts.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration import answering, canary, pipeline
from orchestration.defs.resources import WAIT_SECONDS
from orchestration.home import Home
from orchestration.logs import Step
from orchestration.privacy import incidents, roles
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.serving.dpia import write_dpia
from orchestration.serving.export import export
from orchestration.serving.notification import write_notification


class Asked(dg.Config):
    """A request of the register. `role`: in which one answers. `purpose`: what an objection is to."""

    request: str
    role: str = "compliance"
    purpose: str = "analytics"


class Leaving(dg.Config):
    """Which rows go to whom, for what; `out`: the file they go to, needed unless `dry_run`.

    `quasi`: the quasi-identifiers to export, all of the dataset's unless told; `leave_out` drops classes that are too
    small.
    """

    dataset: str
    recipient: str
    purpose: str
    out: str = ""
    quasi: list[str] = []
    leave_out: bool = False
    dry_run: bool = False
    role: str = "analyst"


class Noticed(dg.Config):
    """What happened, in few words without anybody's data, its ticket, when somebody first knew (ISO 8601; else now)."""

    reason: str
    ticket: str
    noticed_at: str = ""
    role: str = "compliance"


class Touched(dg.Config):
    """An incident of the register, and what it is about: a time (ISO 8601), sources, kinds, loads, stores.

    All unless told.
    """

    incident: str
    since: str = ""
    until: str = ""
    sources: list[str] = []
    kinds: list[str] = []
    loads: list[str] = []
    stores: list[str] = []
    role: str = "compliance"


class Told(dg.Config):
    """An incident of the register whose scope was counted."""

    incident: str
    role: str = "compliance"


class Dry(dg.Config):
    """Only count what would go."""

    dry_run: bool = False


class Rotation(dg.Config):
    """In which role one asks."""

    role: str = "engineer"


@contextmanager
def _writing(
    context: dg.OpExecutionContext, operation: str, role: str | None = None, of: str | None = None
) -> Iterator[tuple[Home, Keyring]]:
    """The home under its lock, for whoever may: `role` against what `of` (else the operation) asks for."""
    os.umask(0o077)  # whoever started this process: what is written is closed to others
    with Step(operation, context.run_id, ours=(dg.Failure,)):
        home = Home.open()
        keyring = Keyring(home)
        if role:
            roles.require(home, keyring, role, of or operation)
        with home.writing(operation, WAIT_SECONDS):
            yield home, keyring


def _job(name: str) -> Callable[[Callable[..., Any]], dg.JobDefinition]:
    """Makes an operation a job called `name`, which says what its docstring says."""

    def made(operation: Callable[..., Any]) -> dg.JobDefinition:
        op = dg.op(operation)

        @dg.job(name=name, description=operation.__doc__, executor_def=dg.in_process_executor)
        def job() -> None:
            op()

        return job

    return made


@_job("subject_request")
def answer(context: dg.OpExecutionContext, config: Asked) -> None:
    """Answers a request of the register: access, erase, restrict, object.

    A copy lies in `ops/copies/<request>.json` of the home; a receipt in `ops/receipts/`.
    """
    with _writing(context, "subject request", config.role, of="subject") as (home, keyring):
        request = answering.open_request(home, keyring, config.request)
        AuditLog(home, keyring).append(
            f"subject {request.action}, by its number", role=config.role, request=request.request_id
        )
        if request.action == "access":
            copy = home.folder("ops", "copies") / f"{request.request_id}.json"
            counts = answering.copy(home, keyring, request, copy)
            context.add_output_metadata({"rows": sum(counts.values())})
        elif request.action == "erase":
            receipt, _, failed = answering.erase(home, keyring, request)
            context.add_output_metadata({"before": sum(receipt.before.values()), "after": sum(receipt.after.values())})
            if failed or not receipt.is_complete:
                raise dg.Failure(
                    "the erasure is not complete, or what was to be served failed its checks: see the receipt"
                )
        elif request.action in ("restrict", "object"):
            purpose = None if request.action == "restrict" else config.purpose
            context.add_output_metadata({"rows": answering.restrict(home, keyring, request, purpose)})
        else:
            raise dg.Failure(f"a request to {request.action} is answered on the command line")


@_job("rows_export")
def export_rows(context: dg.OpExecutionContext, config: Leaving) -> None:
    """Exports rows to a recipient of policy.toml under k, l and t, with a receipt; or refuses with the reasons."""
    with _writing(context, "export", config.role) as (home, keyring):
        if not (config.out or config.dry_run):
            raise dg.Failure("say to which file the rows go (out), or try it dry (dry_run)")
        con = pipeline.open_warehouse(home, keyring)
        try:
            done = export(
                con, home, config.dataset, recipient=config.recipient, role=config.role, purpose=config.purpose,
                into=None if config.dry_run else Path(config.out), quasi=config.quasi, leave_out=config.leave_out,
            )  # fmt: skip
        finally:
            con.close()
        found = done.anonymity
        context.add_output_metadata(
            {
                "rows": found.rows,
                "k": found.k_persons,
                "l": found.l_values,
                "t": found.t_distance,
                "left_out": done.left_out,
            }
        )


@_job("retention_run")
def expire(context: dg.OpExecutionContext, config: Dry) -> None:
    """Deletes what is past its term, and what rests on a withdrawn consent."""
    with _writing(context, "retention run") as (home, keyring):
        withdrawn, expired = pipeline.let_go(home, keyring, config.dry_run)
        context.add_output_metadata({**asdict(expired), "withdrawn": withdrawn.rows, "dry_run": config.dry_run})


@_job("keys_rotate")
def rotate(context: dg.OpExecutionContext, config: Rotation) -> None:
    """Replaces every kind of key; models and served files are made anew."""
    with _writing(context, "keys rotate", config.role) as (home, keyring):
        done, failed = pipeline.rotate_keys(home, keyring)
        context.add_output_metadata(asdict(done))
        if failed or not done.is_sound:
            raise dg.Failure("the rotation is not sound, or what was to be served failed its checks")


@_job("privacy_report")
def write_report(context: dg.OpExecutionContext) -> None:
    """Writes the privacy report of what is served, or waits for its sign-off, anew."""
    with _writing(context, "privacy report") as (home, keyring):
        done = pipeline.report_privacy(home, keyring)
        context.add_output_metadata({"sha256": done.sha256})


@_job("privacy_dpia")
def write_material(context: dg.OpExecutionContext) -> None:
    """Writes the record of processing and the material for an impact assessment."""
    with _writing(context, "privacy dpia") as (home, keyring):
        done = write_dpia(home, keyring, pipeline.sources(home))
        context.add_output_metadata({"sha256": done.sha256})


@_job("incident_open")
def open_incident(context: dg.OpExecutionContext, config: Noticed) -> None:
    """Writes an incident down; from when it was noticed, its term runs."""
    with _writing(context, "privacy incident", config.role, of="incident") as (home, keyring):
        noticed_at = incidents.moment(pipeline.instant(config.noticed_at or None, "noticed_at"))
        facts = {"reason": config.reason, "ticket": config.ticket, "noticed_at": noticed_at}
        found = incidents.begin(home, keyring, "opened", **facts)
        context.add_output_metadata({"incident": found.number, "due_at": found.due_at})


@_job("incident_scope")
def count_incident(context: dg.OpExecutionContext, config: Touched) -> None:
    """Counts what an incident touches: persons and rows by store and law, with the terms."""
    with _writing(context, "privacy incident", config.role, of="incident") as (home, keyring):
        about = incidents.find(home, config.incident)
        since, until = (
            pipeline.instant(at or None, name) for at, name in ((config.since, "since"), (config.until, "until"))
        )
        of = (config.sources, config.kinds, config.loads, config.stores)
        found = incidents.scope(home, keyring, since, until, *of)
        incidents.keep_scope(home, keyring, about, found)
        reached = found["reached"]
        context.add_output_metadata(
            {"persons": reached["persons"], "due_at": {t["law"]: t["due_at"] for t in about.terms(found)}}
            | {s["store"]: {"persons": s["persons"], "rows": s["rows"]} for s in reached["stores"]}
        )


@_job("incident_export")
def export_incident(context: dg.OpExecutionContext, config: Told) -> None:
    """Writes what an authority and the persons concerned are told."""
    with _writing(context, "privacy incident", config.role, of="incident export") as (home, keyring):
        about = incidents.find(home, config.incident)
        done = write_notification(home, keyring, about)
        incidents.keep_export(home, keyring, about, done.path.name, done.sha256)
        context.add_output_metadata({"sha256": done.sha256})


@_job("privacy_canary")
def send_canaries(context: dg.OpExecutionContext) -> None:
    """Sends made-up persons through every step and looks for them in every artefact: check C6."""
    with _writing(context, "privacy canary") as (home, _):
        found = canary.prove(home)
        context.add_output_metadata({"files": found.files, "columns": found.columns, "found": len(found.found)})
        if found.found:
            raise dg.Failure("canaries were found: see check C6")


@dg.definitions
def defs() -> dg.Definitions:
    """Jobs that somebody starts; none has a schedule."""
    told = [open_incident, count_incident, export_incident]
    return dg.Definitions(
        jobs=[answer, export_rows, expire, rotate, write_report, write_material, send_canaries, *told]
    )
