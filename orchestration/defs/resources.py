"""What every asset needs: the home, locked for the run, and its keys.

Keep out: assets.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg

from orchestration import alerts
from orchestration.errors import HomeLockedError
from orchestration.home import Home
from orchestration.pipeline import Outcomes, broken_sources, conclude_died
from orchestration.privacy.keys import Keyring

JOB = "voicehouse"  # the job over all steps, whose runs end with a verdict
WAIT_SECONDS = 600.0  # a run that finds another one writing waits this long, then fails with its name


class HouseResource(dg.ConfigurableResource):
    """The home at VOICEHOUSE_HOME, under its one write lock.

    Holds no secret: the keyring reads its master key itself. only: sources whose failures fail the run; empty for all.
    """

    only: list[str] = []

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HouseResource"]:
        os.umask(0o077)  # whoever started this process: what a run writes is closed to others
        home = Home.open()
        run_id = context.run.run_id if context.run else "manual"
        outcomes = Outcomes(home, run_id)
        with ExitStack() as held:
            try:
                held.enter_context(home.writing(f"run {run_id[:8]}", WAIT_SECONDS))
            except HomeLockedError as error:  # before any step: no hook tells of it
                outcomes.conclude(home, run_id, "failed", reason=str(error))
                alerts.send(home)
                raise
            conclude_died(home, run_id)
            outcomes.begin(self.only)
            for source, reason in broken_sources(home).items():
                outcomes.fail(source, "settings", reason)
            yield self
            if outcomes.exists and context.run and context.run.job_name != JOB:
                outcomes.conclude(home, run_id, "failed" if outcomes.counting else "partial")

    def home(self) -> Home:
        return Home.open()

    def keyring(self) -> Keyring:
        return Keyring(self.home())


@dg.definitions
def defs() -> dg.Definitions:
    """One resource, one executor: each further process would cost seconds of imports."""
    return dg.Definitions(resources={"house": HouseResource()}, executor=dg.in_process_executor)
