"""One asset per source: asks it for what is new and seals the pages.

Keep out: reading sources. A source's failure is a failed check and a line in the run's outcome, never an exception.
"""

from datetime import datetime

import dagster as dg

from orchestration import pipeline
from orchestration.defs.resources import HouseResource
from orchestration.home import Home
from orchestration.sources.contract import Settings, Window


class Backfill(dg.Config):
    """Ask for a stretch of time again; it never moves the cursor. ISO 8601, UTC where no offset is given."""

    since: str | None = None
    until: str | None = None


def _asset(settings: Settings) -> dg.AssetsDefinition:
    key = dg.AssetKey(["extract", settings.name])

    @dg.asset(
        key=key,
        group_name="extract",
        description=f"New pages of {settings.name_en} ({settings.name_zh}), sealed before they touch a disk.",
        kinds={"dlt"},
        check_specs=[dg.AssetCheckSpec("source_answered", asset=key, description="The source could be read.")],
    )
    def extract(context: dg.AssetExecutionContext, config: Backfill, house: HouseResource) -> dg.MaterializeResult:
        window = Window(*(datetime.fromisoformat(t) if t else None for t in (config.since, config.until)))
        done = pipeline.extract(house.home(), house.keyring(), settings, window, context.run_id)
        return dg.MaterializeResult(
            metadata={"load_id": done.load_id or "nothing new", "pages": done.pages, "sealed_bytes": done.sealed_bytes},
            check_results=[
                dg.AssetCheckResult(
                    check_name="source_answered",
                    passed=done.failure is None,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"reason": done.failure or ""},
                )
            ],
        )

    return extract


@dg.definitions
def defs() -> dg.Definitions:
    """Sources are found by scanning folders."""
    return dg.Definitions(assets=[_asset(s) for s in pipeline.sources(Home.open()).values()])
