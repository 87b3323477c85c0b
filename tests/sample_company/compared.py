"""The exact mart of every KPI against the sample's own truth, cell by cell. Keep out: making either."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.privacy.disclosure import DIMENSIONS

PARTS = (
    "n_eligible", "n_answered", "n_excluded_consent", "n_subjects", "numerator", "denominator", "value", "n_censored",
)  # fmt: skip
Differing = tuple[str, str, str, str, int, int, int]


def against_truth(
    con: duckdb.DuckDBPyConnection, truth: Path, parts: Sequence[str] = PARTS
) -> tuple[list[Differing], int, int]:
    """What differs in `wh.kpis.kpi_values`, how many cells were compared, how many of them are figures.

    By metric, variant, grain and breakdown: cells missing in the mart, cells that the truth does not know, all that
    differ.
    `truth`: kpis.parquet. Leaves the temporary table `compared`.
    """
    equal = " and ".join(
        f"coalesce(abs(t.{p} - m.{p}) <= 1e-6 * greatest(1, abs(t.{p})), t.{p} is null and m.{p} is null)"
        for p in parts
    )
    con.execute(
        f"""
        create or replace temp table compared as
        with truth as (from read_parquet(?)),
        marts as (select *, concat_ws(',', {", ".join(DIMENSIONS)}) as member from wh.kpis.kpi_values)
        select
            coalesce(t.metric_id, m.metric_id) as metric_id, coalesce(t.variant, m.variant) as variant,
            coalesce(t.period_grain, m.period_grain) as period_grain, coalesce(t.breakdown, m.breakdown) as breakdown,
            m.metric_id is null as is_missing, t.metric_id is null as is_surplus, {equal} as is_equal,
            t.value is not null as is_measured
        from truth as t full join marts as m
            on m.metric_id = t.metric_id and m.variant = t.variant and m.period_grain = t.period_grain
            and m.breakdown = t.breakdown and m.member = t.member and m.currency is not distinct from t.currency
            and m.period_start is not distinct from t.period_start::date
            and m.cohort_age_months is not distinct from t.cohort_age_months
        """,
        [str(truth)],
    )
    wrong = con.execute(
        "select metric_id, variant, period_grain, breakdown, count(*) filter (is_missing), count(*) filter (is_surplus), "
        "count(*) from compared where is_missing or is_surplus or not is_equal group by all order by all"
    ).fetchall()
    n, measured = con.execute("select count(*), count(*) filter (is_measured) from compared").fetchone() or (0, 0)
    return wrong, n, measured
