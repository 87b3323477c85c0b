"""What every job that somebody starts has in common: the home under its lock, for a role that may; a failure is told.

Keep out: the jobs (operations.py, persons.py, incidents.py).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import dagster as dg
from pydantic import AfterValidator

from orchestration import alerts, pipeline
from orchestration.defs.resources import WAIT_SECONDS
from orchestration.errors import kept
from orchestration.home import Home
from orchestration.logs import Step
from orchestration.privacy import roles
from orchestration.privacy.keys import Keyring

Reason = Annotated[str, AfterValidator(roles.stated)]  # why one asks, in a job's configuration


@contextmanager
def writing(
    context: dg.OpExecutionContext, operation: str, role: str | None = None, of: str | None = None
) -> Iterator[tuple[Home, Keyring]]:
    """The home under its lock, for whoever may: `role` against what `of` (else the operation) asks for.

    A job that fails leaves its line in the history, and is told, as a run does.
    """
    os.umask(0o077)  # whoever started this process: what is written is closed to others
    run_id = context.run.run_id
    with Step("begin", run_id):
        home = Home.open()
    before = None
    try:
        with Step(operation, run_id, ours=(dg.Failure,)):
            keyring = Keyring(home)
            if role is not None:
                roles.require(home, keyring, role, of or operation)
            with home.writing(operation, WAIT_SECONDS):
                before = len(pipeline.run_history(home))
                yield home, keyring
    except Exception as error:
        with Step("end", run_id):
            if before is None or not _has_line(home, before):
                reason = str(error.description) if isinstance(error, dg.Failure) else kept(error)
                pipeline.Outcomes(home, run_id).conclude(home, run_id, "failed", reason=reason, job=context.job_name)
            alerts.send(home)
        raise


def _has_line(home: Home, before: int) -> bool:
    """Whether a job that made the figures anew, and failed at that, has its line: under its lock no other run ends."""
    lines = pipeline.run_history(home)[before:]
    return any(x["status"] == "failed" and not x.get("job") and x["failed_step"] != "begin" for x in lines)


def job(name: str) -> Callable[[Callable[..., Any]], dg.JobDefinition]:
    """Makes an operation a job called `name`, which says what its docstring says."""

    def made(operation: Callable[..., Any]) -> dg.JobDefinition:
        op = dg.op(operation)

        @dg.job(name=name, description=operation.__doc__, executor_def=dg.in_process_executor)
        def job() -> None:
            op()

        return job

    return made
