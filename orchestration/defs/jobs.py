"""The job over all steps, its daily schedule, and the sensor for the inbox.

Keep out: assets.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.defs.resources import JOB
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.logs import Step


@dg.failure_hook(name="tell_the_history")
def tell_the_history(context: dg.HookContext) -> None:
    """A run that ends before its verdict leaves its line in the history and a banner on the report."""
    from orchestration import alerts, pipeline
    from orchestration.serving.report import write_report

    with Step("history", context.run_id):
        home = Home.open()
        outcomes = pipeline.Outcomes(home, context.run_id)
        if outcomes.exists:
            outcomes.conclude(home, context.run_id, "failed", context.step_key, _told(context.op_exception))
            alerts.send(home)
            write_report(home)


def _told(error: BaseException | None) -> str | None:
    """Why a step failed, as the history may keep it: our own words; of a foreign error its kind alone."""
    if isinstance(error, dg.Failure):
        return error.description
    return str(error) if isinstance(error, VoicehouseError) else type(error).__name__ if error else None


voicehouse = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    description="extract → guard → load → model → quality → serve",
    executor_def=dg.in_process_executor,
    hooks={tell_the_history},
)


@dg.schedule(job=voicehouse, cron_schedule="0 5 * * *", execution_timezone="UTC", name="daily")
def daily() -> dg.RunRequest:
    """Every day at 05:00 UTC."""
    return dg.RunRequest()


@dg.sensor(job=voicehouse, name="inbox", minimum_interval_seconds=60)
def inbox(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run when files in the inbox came or changed; the cursor is a digest of names, sizes and times."""
    from orchestration.sources.files import inbox_digest

    with Step("inbox", run=""):  # the system's errors name files
        cursor = inbox_digest(Home.open().inbox)
    if cursor in (None, context.cursor):
        yield dg.SkipReason("nothing new in the inbox")
        return
    context.update_cursor(cursor)
    yield dg.RunRequest(run_key=cursor)


@dg.sensor(name="watch", minimum_interval_seconds=300)
def watch() -> dg.SkipReason:
    """Tells what deserves attention between runs: sources without news, runs that died. Starts nothing itself."""
    from orchestration import alerts

    with Step("watch", run=""):
        told = alerts.send(Home.open())
    return dg.SkipReason(f"told {len(told)}")


@dg.definitions
def defs() -> dg.Definitions:
    """One job, one schedule, two sensors; off until somebody turns them on."""
    return dg.Definitions(jobs=[voicehouse], schedules=[daily], sensors=[inbox, watch])
