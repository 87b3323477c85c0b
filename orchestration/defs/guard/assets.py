"""One asset per source: opens its sealed pages and stages what may pass.

Keep out: the gate itself (orchestration.privacy).
"""

import dagster as dg

from orchestration import pipeline
from orchestration.defs.resources import HouseResource
from orchestration.home import Home
from orchestration.logs import Step
from orchestration.sources.contract import Settings


def _asset(settings: Settings, registers: list[str]) -> dg.AssetsDefinition:
    key = dg.AssetKey(["guard", settings.name])
    # Sources that know consents, the names of staff or the words of scales go first, so that the same run can act on
    # them.
    first = [] if settings.name in registers else [dg.AssetKey(["guard", n]) for n in registers]

    @dg.asset(
        key=key,
        group_name="guard",
        deps=[dg.AssetKey(["extract", settings.name]), *first],
        description=f"{settings.name_en}: identities replaced, texts redacted, refusals counted.",
        kinds={"duckdb"},
        check_specs=[dg.AssetCheckSpec("contract_held", asset=key, description="The source's SQL fits its contracts.")],
    )
    def guard(context: dg.AssetExecutionContext, house: HouseResource) -> dg.MaterializeResult:
        with Step("guard", context.run.run_id, settings.name):
            home = house.home()
            done = pipeline.guard_source(home, house.keyring(), settings, context.run.run_id)
            failure = pipeline.Outcomes(home, context.run.run_id).failures.get(settings.name, {})
        broken = failure.get("reason", "") if failure.get("step") == "guard" else ""
        totals = ("read", "staged", "rejected", "duplicates", "subjects", "new_subjects", "merged", "redactions")
        return dg.MaterializeResult(
            metadata={"loads": len(done), **{t: sum(getattr(g, t) for g in done) for t in totals}},
            check_results=[
                dg.AssetCheckResult(check_name="contract_held", passed=not broken, metadata={"reason": broken})
            ],
        )

    return guard


@dg.definitions
def defs() -> dg.Definitions:
    """Sources are found by scanning folders."""
    found = pipeline.sources(Home.open())
    registers = [n for n, s in found.items() if {"consent", "agent", "scale"} & set(s.kinds)]
    return dg.Definitions(assets=[_asset(s, registers) for s in found.values()])
