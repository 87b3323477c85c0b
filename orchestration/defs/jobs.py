"""The job over all steps, its daily schedule, and the sensor for the inbox.

Keep out: assets.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.defs.resources import JOB
from orchestration.home import Home
from orchestration.logs import Step

voicehouse = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    description="extract → guard → load → model → quality → serve",
    executor_def=dg.in_process_executor,
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
