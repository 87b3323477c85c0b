"""Published marts, the report, and the verdict on the run.

Keep out: disclosure (orchestration.privacy) and files (orchestration.serving).
"""

import dagster as dg

from orchestration import alerts, pipeline
from orchestration.defs.resources import VERDICT, HouseResource
from orchestration.logs import Step

MARTS = dg.AssetKey(["serve", "kpi"])


@dg.asset(
    key=MARTS,
    group_name="serve",
    deps=[dg.AssetKey(["quality", "exact_marts"])],
    description="kpi.duckdb, its Parquet copies and team.duckdb: swapped in whole after disclosure and checks.",
    check_specs=[
        dg.AssetCheckSpec("candidate", asset=MARTS, blocking=False, description="The candidate may be served.")
    ],
)
def kpi(context: dg.AssetExecutionContext, house: HouseResource) -> dg.MaterializeResult:
    """Publish, or keep the last good version."""
    with Step("publish", context.run.run_id):
        result = pipeline.publish(house.home(), house.keyring(), context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            "profile": result.profile,
            "tables": len(result.rows),
            "rows": sum(result.rows.values()),
            "hidden_cells": sum(result.disclosed.hidden.values()) if result.disclosed else 0,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="candidate", passed=result.is_served, metadata={"failed": ", ".join(result.failed_checks)}
            )
        ],
    )


@dg.asset(
    key=dg.AssetKey(["serve", "report"]),
    group_name="serve",
    deps=[MARTS],
    description="The managers' report: one HTML page, published figures only.",
)
def report(context: dg.AssetExecutionContext, house: HouseResource) -> dg.MaterializeResult:
    """Write serving/report/index.html."""
    from orchestration.serving.report import write_report  # charts and statistics: seconds of imports

    with Step("report", context.run.run_id):
        path = write_report(house.home())
    return dg.MaterializeResult(metadata={"bytes": path.stat().st_size})


@dg.asset(
    key=VERDICT,
    group_name="serve",
    deps=[dg.AssetKey(["serve", "report"])],
    description="Ends the run: failed when a source or a check failed, after everything that could be served was.",
)
def verdict(context: dg.AssetExecutionContext, house: HouseResource) -> dg.MaterializeResult:
    """Raise saying what went wrong, and which sources it was."""
    from orchestration.serving.report import last_run, write_report

    with Step("verdict", context.run.run_id):
        before = last_run(house.home())
        wrong = pipeline.conclude(house.home(), context.run.run_id)
        if wrong or (before and before["status"] == "failed"):
            write_report(house.home())  # once more, with or without the banner
        alerts.send(house.home())
    if wrong:
        raise dg.Failure("; ".join(wrong))
    return dg.MaterializeResult(metadata={"sources_failed": 0})
