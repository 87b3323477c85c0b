"""The exact marts against their suites, and what is served against the privacy suite.

Keep out: suites (expectations/).
"""

from collections.abc import Iterator

import dagster as dg

from orchestration import modelling, pipeline
from orchestration.defs.resources import HouseResource
from orchestration.home import Home
from orchestration.logs import Step

KEY = dg.AssetKey(["quality", "exact_marts"])
SERVED = dg.AssetKey(["quality", "served"])


@dg.asset(
    key=SERVED,
    group_name="guard",  # it guards readers before anything new is loaded; among `quality` the groups would form a circle
    description="What is served since earlier runs, against the checks of today: what fails is withdrawn at once.",
    check_specs=[dg.AssetCheckSpec("served_privacy", asset=SERVED, description="Nothing had to be withdrawn.")],
)
def served(context: dg.AssetExecutionContext, house: HouseResource) -> dg.MaterializeResult:
    """Runs before anything is loaded; a failure makes the run serve anew and end failed."""
    with Step("recheck", context.run.run_id):
        failed = pipeline.recheck_served(house.home(), context.run.run_id)
    return dg.MaterializeResult(
        metadata={"failed": len(failed)},
        check_results=[
            dg.AssetCheckResult(check_name="served_privacy", passed=not failed, metadata={"failed": ", ".join(failed)})
        ],
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Downstream steps wait for the exact marts: what fails here is not served, and the last good version stays."""
    marts = modelling.marts(Home.open())

    @dg.asset(
        key=KEY,
        group_name="quality",
        deps=[dg.AssetKey(["kpis", m]) for m in marts],
        description="Exact marts, before disclosure, against their expectations.",
        check_specs=[dg.AssetCheckSpec("expectations", asset=KEY, blocking=True)],
    )
    def exact_marts(context: dg.AssetExecutionContext, house: HouseResource) -> Iterator[dg.MaterializeResult]:
        with Step("quality", context.run.run_id):
            results = pipeline.audit_exact_marts(house.home(), house.keyring(), marts)
        failed = [r for r in results if not r["passed"] and r["is_blocking"]]
        rows = [
            dg.TableRecord(
                {
                    "mart": r["mart"],
                    "check": r["name"],
                    "passed": "yes" if r["passed"] else "no",
                    "checked": r["n_checked"],
                    "unexpected": r["n_unexpected"],
                }
            )
            for r in results
        ]
        yield dg.MaterializeResult(
            metadata={"checks": len(results), "failed": len(failed)},
            check_results=[
                dg.AssetCheckResult(
                    check_name="expectations",
                    passed=not failed,
                    metadata={"results": dg.MetadataValue.table(rows)} if rows else {},
                )
            ],
        )

    return dg.Definitions(assets=[served, exact_marts])
