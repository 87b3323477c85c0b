"""One asset per source: asks it for what is new and seals the pages.

Keep out: reading sources. A source's failure is a failed check and a line in the run's outcome, never an exception.
"""

from datetime import timedelta

import dagster as dg

from orchestration import pipeline, watch
from orchestration.defs.resources import HouseResource
from orchestration.home import Home
from orchestration.logs import Step
from orchestration.sources.contract import Settings, Window


class Ask(dg.Config):
    """What a source is asked for, and how patiently.

    since, until: a stretch of time to ask for again (a backfill), which never moves the cursor; ISO 8601, UTC where no
    offset is given. retries: how often a source that does not answer just now is asked again, after `retry_seconds`,
    then twice as long each time.
    """

    since: str | None = None
    until: str | None = None
    retries: int = 3
    retry_seconds: float = 10.0


def _asset(settings: Settings) -> dg.AssetsDefinition:
    key = dg.AssetKey(["extract", settings.name])
    checks = [dg.AssetCheckSpec("source_answered", asset=key, description="The source could be read.")]
    hours = settings.expected_every_hours
    if hours:
        checks.append(dg.AssetCheckSpec("source_fresh", asset=key, description=f"News came within {hours:g} hours."))

    @dg.asset(
        key=key,
        group_name="extract",
        description=f"New pages of {settings.name_en} ({settings.name_zh}), sealed before they touch a disk.",
        kinds={"dlt"},
        check_specs=checks,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)) if hours else None,
    )
    def extract(context: dg.AssetExecutionContext, config: Ask, house: HouseResource) -> dg.MaterializeResult:
        stale = False
        with Step("extract", context.run.run_id, settings.name, ours=(dg.RetryRequested,)):
            home = house.home()
            window = Window(pipeline.instant(config.since, "since"), pipeline.instant(config.until, "until"))
            is_last = context.retry_number >= config.retries
            done = pipeline.extract(home, house.keyring(), settings, window, context.run.run_id, is_last)
            if done.is_transient and not is_last:
                raise dg.RetryRequested(config.retries, config.retry_seconds * 2**context.retry_number)
            if hours and not done.load_id:
                stale = any(f.is_stale for f in watch.freshness(home) if f.source == settings.name)
        results = [
            dg.AssetCheckResult(
                check_name="source_answered",
                passed=done.failure is None,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"reason": done.failure or "", "tries": context.retry_number + 1},
            )
        ]
        if hours:
            severity = dg.AssetCheckSeverity.WARN
            results.append(dg.AssetCheckResult(check_name="source_fresh", passed=not stale, severity=severity))
        return dg.MaterializeResult(
            metadata={"load_id": done.load_id or "nothing new", "pages": done.pages, "sealed_bytes": done.sealed_bytes},
            check_results=results,
        )

    return extract


@dg.definitions
def defs() -> dg.Definitions:
    """Sources are found by scanning folders."""
    return dg.Definitions(assets=[_asset(s) for s in pipeline.sources(Home.open()).values()])
