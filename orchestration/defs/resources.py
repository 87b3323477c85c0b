"""What every asset needs: the home, locked for the run, its keys, and a line in the history however the run ends.

Keep out: assets.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg

from orchestration import alerts
from orchestration.errors import kept
from orchestration.home import Home
from orchestration.logs import Step
from orchestration.pipeline import Outcomes, broken_sources, conclude_died
from orchestration.privacy.keys import Keyring

JOB = "voicehouse"  # the job over all steps
VERDICT = dg.AssetKey(["serve", "verdict"])  # the last of them: it ends a run in which no step failed
WAIT_SECONDS = 600.0  # a run that finds another one writing waits this long, then fails with its name


class HouseResource(dg.ConfigurableResource):
    """The home at VOICEHOUSE_HOME, under its one write lock.

    Holds no secret: the keyring reads its master key itself. only: sources whose failures fail the run; empty for all.
    """

    only: list[str] = []

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["HouseResource"]:
        os.umask(0o077)  # whoever started this process: what a run writes is closed to others
        run_id = context.run.run_id if context.run else "manual"
        with ExitStack() as held:
            with Step("open", run_id):
                home = Home.open()
            try:
                with Step("begin", run_id):
                    held.enter_context(home.writing(f"run {run_id[:8]}", WAIT_SECONDS))
                    self._begin(home, run_id)
            except Exception as error:
                with Step("end", run_id):
                    Outcomes(home, run_id).conclude(home, run_id, "failed", "begin", kept(error))
                    alerts.send(home)
                raise
            yield self
            if context.run and Outcomes(home, run_id).exists:
                with Step("end", run_id):
                    _conclude(home, run_id, context.instance or dg.DagsterInstance.get())

    def _begin(self, home: Home, run_id: str) -> None:
        conclude_died(home, run_id)
        outcomes = Outcomes(home, run_id)
        outcomes.begin(self.only)
        for source, reason in broken_sources(home).items():
            outcomes.fail(source, "settings", reason)

    def home(self) -> Home:
        return Home.open()

    def keyring(self) -> Keyring:
        return Keyring(self.home())


def _conclude(home: Home, run_id: str, instance: dg.DagsterInstance) -> None:
    """End a run that did not come to its verdict: a step failed, or some steps alone were asked for.

    One that was ended from outside is left to be found dead, unless somebody ended it on Dagster's page.
    """
    from orchestration.serving.report import write_report

    outcomes, run = Outcomes(home, run_id), instance.get_run_by_id(run_id)
    told = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    failed = [entry.dagster_event for entry in told if entry.dagster_event]
    if any((source := e.step_failure_data.error_source) and source.value == "INTERRUPT" for e in failed):
        if run and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
            outcomes.conclude(home, run_id, "interrupted", failed[0].step_key)
    elif failed:
        outcomes.conclude(home, run_id, "failed", failed[0].step_key, why(failed[0]))
        alerts.send(home)
        write_report(home)
    elif run and (run.job_name != JOB or VERDICT not in (run.asset_selection or [VERDICT])):
        outcomes.conclude(home, run_id, "failed" if outcomes.counting else "partial")
        alerts.send(home)


def why(failed: dg.DagsterEvent) -> str:
    """Why a step failed, or nothing began, as the history may keep it: our own words; of a foreign error its kind."""
    data: Any = failed.event_specific_data
    told = getattr(data, "user_failure_data", None)
    if told and told.description:
        return str(told.description)
    for error in (data.error, data.error.cause):
        kind, _, words = error.message.strip().partition(": ") if error else ("", "", "")
        if kind.startswith("orchestration.errors."):
            return str(words)
    return str((data.error.cause or data.error).cls_name)


@dg.definitions
def defs() -> dg.Definitions:
    """One resource, one executor: each further process would cost seconds of imports."""
    return dg.Definitions(resources={"house": HouseResource()}, executor=dg.in_process_executor)
