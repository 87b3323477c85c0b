"""Jobs about one person or handler: found, a request registered or answered, who is behind a pseudonym.

Keep out: the operations themselves, and what tells who somebody is: run configuration is kept by Dagster, so it holds
numbers of the register and pseudonyms. Metadata are counts; what a job finds lies in a sealed file
(privacy/answers.py). Two persons' word is given on the command line (`voicehouse reidentify approve`): Dagster knows
not who starts a run.
"""

from dataclasses import asdict

import dagster as dg

from orchestration import answering
from orchestration.defs.started import Reason, job, writing
from orchestration.privacy import answers, reidentification
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.desk import Desk
from orchestration.privacy.subjects import Sought


class Known(dg.Config):
    """A person by their pseudonym, as in the lake; why one asks, in few words without anybody's data."""

    pseudonym: str
    reason: Reason
    role: str = "compliance"


class Registered(Known):
    """What the person asks for: access, erase, rectify, restrict or object; `dry_run` only says when it is due.

    `purpose`: what an objection is to (analytics). `is_lift`: a restriction or objection is to end.
    """

    action: str
    purpose: str | None = None
    is_lift: bool = False
    dry_run: bool = False


class Asked(dg.Config):
    """A request of the register. `role`: in which one answers; `dry_run` only says what would be done."""

    request: str
    dry_run: bool = False
    role: str = "compliance"


class Ended(Asked):
    """`outcome`: refused, withdrawn or, of a rectification, corrected; `reason`: why, without anybody's data."""

    outcome: str
    reason: Reason


class Needed(dg.Config):
    """Pseudonyms, and why one has to know, without anybody's data; `approvals`: of two persons, where they are many."""

    pseudonyms: list[str]
    role: str
    reason: Reason
    ticket: str
    approvals: list[str] = []


class Handler(dg.Config):
    """A handler by the key under which rows name them (`agent_key`), and why one asks; at most so many cases."""

    agent_key: str
    reason: Reason
    most: int = 100
    role: str = "handler"


@job("subject_find")
def find(context: dg.OpExecutionContext, config: Known) -> None:
    """Counts what the house holds of the person behind a pseudonym."""
    with writing(context, "subject find", config.role, of="subject") as (home, keyring):
        case = Desk(home, keyring, Sought(pseudonym=config.pseudonym), config.role, config.reason)
        found = case.held()
        context.add_output_metadata({**found, "pseudonyms": len(found["pseudonyms"])})


@job("subject_register")
def register(context: dg.OpExecutionContext, config: Registered) -> None:
    """Writes a request of the person behind a pseudonym down; `subject_request` answers it."""
    with writing(context, "subject register", config.role, of="subject") as (home, keyring):
        case = Desk(home, keyring, Sought(pseudonym=config.pseudonym), config.role, config.reason)
        said = f"{config.action} registered"
        request = case.register(
            config.action, said, purpose=config.purpose, is_lift=config.is_lift, dry_run=config.dry_run
        )
        number = {} if config.dry_run else {"request": request.request_id}
        context.add_output_metadata({**number, "due_at": request.due_at.isoformat()})


@job("subject_request")
def answer(context: dg.OpExecutionContext, config: Asked) -> None:
    """Answers a request of the register: access, erase, rectify, restrict, object.

    A copy, or what must be corrected at its source, lies sealed in `ops/copies/` (`voicehouse answer <request>`); a
    receipt in `ops/receipts/`.
    """
    with writing(context, "subject request", config.role, of="subject") as (home, keyring):
        request = answering.open_request(home, keyring, config.request)
        said = f"subject {request.action}, by its number{', dry run' if config.dry_run else ''}"
        AuditLog(home, keyring).append(said, role=config.role, request=request.request_id)
        if config.dry_run:
            context.add_output_metadata({**answering.would(home, keyring, request), "dry_run": True})
        elif request.action == "access":
            copied = answering.copy(home, keyring, request)
            context.add_output_metadata({"rows": sum(copied.rows.values()), "waiting": sum(copied.waiting.values())})
        elif request.action == "erase":
            receipt, _, failed = answering.erase(home, keyring, request)
            before, after = (sum(n or 0 for n in told.values()) for told in (receipt.before, receipt.after))
            others = len(receipt.other_requests)
            context.add_output_metadata({"before": before, "after": after, "other_requests": others})
            if failed or not receipt.is_complete:
                raise dg.Failure(
                    "the erasure is not complete, or what was to be served failed its checks: see the receipt"
                )
        elif request.action == "rectify":
            done = answering.rectify(home, keyring, request)
            path = answers.for_person(home, request.request_id)
            answers.write(path, keyring, "subject", {"correct_at_source": done.listed})
            context.add_output_metadata({"removed": done.removed, "correct_at_source": len(done.records)})
        else:
            context.add_output_metadata({"rows": answering.restrict(home, keyring, request)})


@job("subject_close")
def close(context: dg.OpExecutionContext, config: Ended) -> None:
    """Ends a request of the register without answering it."""
    with writing(context, "subject close", config.role, of="subject") as (home, keyring):
        request = answering.open_request(home, keyring, config.request)
        answering.close(home, keyring, request, config.outcome, config.role, config.reason, config.dry_run)
        context.add_output_metadata({"action": request.action, "dry_run": config.dry_run})


@job("reidentify")
def show_identities(context: dg.OpExecutionContext, config: Needed) -> None:
    """Writes who is behind pseudonyms to `ops/answers/`, sealed, for a day (`voicehouse answer <run>`)."""
    with writing(context, "reidentify", config.role) as (home, keyring):
        by = reidentification.Asking(
            config.role, config.reason, config.ticket, tuple(config.approvals), context.run.run_id
        )
        found = reidentification.show(home, keyring, config.pseudonyms, by)
        path = answers.for_job(home, context.run.run_id)
        answers.write(path, keyring, "reidentify", found)
        known = sum(bool(identities) for identities in found.values())
        context.add_output_metadata({"asked": len(found), "known": known, "file": f"ops/answers/{path.name}"})


@job("worklist")
def list_cases(context: dg.OpExecutionContext, config: Handler) -> None:
    """Writes where the open cases of a handler lie at their sources to `ops/answers/`, sealed, for a day."""
    with writing(context, "worklist", config.role) as (home, keyring):
        by = {"role": config.role, "reason": config.reason, "run": context.run.run_id}
        found = reidentification.places(home, keyring, config.most, by, agent_key=config.agent_key)
        path = answers.for_job(home, context.run.run_id)
        answers.write(path, keyring, "worklist", [asdict(item) for item in found], config.agent_key)
        context.add_output_metadata({"cases": len(found), "file": f"ops/answers/{path.name}"})


@dg.definitions
def defs() -> dg.Definitions:
    """Jobs that somebody starts; none has a schedule."""
    return dg.Definitions(jobs=[find, register, answer, close, show_identities, list_cases])
