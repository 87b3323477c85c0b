"""What every job that somebody starts has in common: the home under its lock, for a role that may, and a description.

Keep out: the jobs (operations.py, persons.py, incidents.py).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from orchestration.defs.resources import WAIT_SECONDS
from orchestration.home import Home
from orchestration.logs import Step
from orchestration.privacy import roles
from orchestration.privacy.keys import Keyring


@contextmanager
def writing(
    context: dg.OpExecutionContext, operation: str, role: str | None = None, of: str | None = None
) -> Iterator[tuple[Home, Keyring]]:
    """The home under its lock, for whoever may: `role` against what `of` (else the operation) asks for."""
    os.umask(0o077)  # whoever started this process: what is written is closed to others
    with Step(operation, context.run.run_id, ours=(dg.Failure,)):
        home = Home.open()
        keyring = Keyring(home)
        if role is not None:
            roles.require(home, keyring, role, of or operation)
        with home.writing(operation, WAIT_SECONDS):
            yield home, keyring


def job(name: str) -> Callable[[Callable[..., Any]], dg.JobDefinition]:
    """Makes an operation a job called `name`, which says what its docstring says."""

    def made(operation: Callable[..., Any]) -> dg.JobDefinition:
        op = dg.op(operation)

        @dg.job(name=name, description=operation.__doc__, executor_def=dg.in_process_executor)
        def job() -> None:
            op()

        return job

    return made
