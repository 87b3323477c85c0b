"""One asset per record kind: audited by great-expectations, promoted or quarantined, committed to the lake.

Keep out: the suites (expectations/) and the move itself (orchestration.lake).
"""

from collections import Counter
from collections.abc import Iterator

import dagster as dg

from orchestration import pipeline
from orchestration.defs.resources import HouseResource
from orchestration.home import Home
from orchestration.logs import Step, timed
from orchestration.records import KINDS

TECHNICAL = {
    "_ledger": "One row per load, level, stream or kind, measure and reason, with a count.",
    "_sources": "One row per source as of its newest load.",
    "_subjects": "One row per pseudonym that was merged into another.",
    "_checks": "One row per privacy check with its last proof.",
}
SUMS = ("batches", "batches_failed", "rows", "rows_failed")


def _specs() -> tuple[list[dg.AssetSpec], list[dg.AssetCheckSpec]]:
    found = pipeline.sources(Home.open())
    specs, checks = [], []
    for kind, record in KINDS.items():
        key = dg.AssetKey(["lake", kind])
        feeding = [dg.AssetKey(["guard", n]) for n, s in found.items() if kind in s.kinds]
        specs.append(dg.AssetSpec(key, deps=feeding, group_name="load", description=record.grain, kinds={"parquet"}))
        checks.append(dg.AssetCheckSpec("expectations", asset=key, description="Every batch met its suite."))
    # What is served already is checked first: a leak must not wait for the rest of the run.
    every = [dg.AssetKey(["quality", "served"]), *(dg.AssetKey(["guard", n]) for n in found)]
    for name, description in TECHNICAL.items():
        specs.append(dg.AssetSpec(dg.AssetKey(["lake", name]), deps=every, group_name="load", description=description))
    return specs, checks


def _tables(verdicts: list[pipeline.BatchVerdict]) -> dict[str, dg.TableMetadataValue]:
    """What a kind's suite found, in counts alone: by expectation over all batches, and every failure batch by batch."""
    found: dict[str, Counter[str]] = {}
    failures = []
    for verdict in verdicts:
        for check in verdict.checks:
            counts = {"rows": int(check["n_checked"]), "rows_failed": int(check["n_unexpected"])}
            found.setdefault(check["name"], Counter()).update(
                {"batches": 1, "batches_failed": int(not check["passed"]), **counts}
            )
            if not check["passed"]:
                failures.append(
                    dg.TableRecord(
                        {
                            "check": str(check["name"]),
                            "source": verdict.source,
                            "load": verdict.load_id,
                            "part": verdict.part,
                            **counts,
                            "blocking": "yes" if check["is_blocking"] else "no",
                        }
                    )
                )
    summed = [dg.TableRecord({"check": name, **counts}) for name, counts in found.items()]
    return {
        "expectations": dg.MetadataValue.table(summed, _schema("check", *SUMS)),
        "failures": dg.MetadataValue.table(
            failures, _schema("check", "source", "load", "part", "rows", "rows_failed", "blocking")
        ),
    }


def _schema(*columns: str) -> dg.TableSchema:
    numbers = (*SUMS, "part")
    return dg.TableSchema([dg.TableColumn(c, "int" if c in numbers else "string") for c in columns])


@dg.definitions
def defs() -> dg.Definitions:
    """One step for all kinds, so that a load is committed whole."""
    specs, checks = _specs()

    @dg.multi_asset(specs=specs, check_specs=checks, name="load")
    def load(context: dg.AssetExecutionContext, house: HouseResource) -> Iterator[dg.MaterializeResult]:
        with Step("load", context.run.run_id, ours=(dg.Failure,)):
            home, keyring = house.home(), house.keyring()
            with timed("load.batches"):
                verdicts = pipeline.load_staged(home, keyring)
            with timed("load.whole_lake"):
                if pipeline.revisit(home, keyring, context.run.run_id):
                    verdicts += pipeline.load_staged(home, keyring)
                faults = pipeline.ledger_faults(home, keyring)
                if faults:
                    raise dg.Failure("the ledger does not add up: " + "; ".join(faults[:5]))
                pipeline.tidy_inbox(home, keyring, context.run.run_id)
                pipeline.expire(home, keyring, context.run.run_id)
                checks = pipeline.check_privacy(home, keyring)
        broken_promises = [c.check_id for c in checks if c.status == "failed" and c.is_blocking]
        if {"C8", "C9"} & {*broken_promises}:
            raise dg.Failure(
                f"privacy checks failed: {', '.join(broken_promises)}; `voicehouse doctor` says what others may open; "
                "what was served before still is (evidence: lake/_checks.json in the home)"
            )
        if broken_promises:
            raise dg.Failure(
                f"privacy checks failed: {', '.join(broken_promises)}; what was served before still is "
                "(evidence: lake/_checks.json in the home)"
            )
        for name in TECHNICAL:
            yield dg.MaterializeResult(asset_key=dg.AssetKey(["lake", name]))
        for kind in KINDS:
            own = [v for v in verdicts if v.kind == kind]
            broken = [v for v in own if not v.passed]
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey(["lake", kind]),
                metadata={
                    "batches": len(own),
                    "rows": sum(v.rows for v in own if v.passed),
                    "quarantined_rows": sum(v.rows for v in broken),
                },
                check_results=[
                    dg.AssetCheckResult(
                        asset_key=dg.AssetKey(["lake", kind]),
                        check_name="expectations",
                        passed=not broken,
                        severity=dg.AssetCheckSeverity.WARN,
                        metadata=_tables(own),
                    )
                ],
            )

    return dg.Definitions(assets=[load])
