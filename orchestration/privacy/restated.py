"""What restatements may tell of a cell beside the figures that one file shows, and the check of it.

Keep out: which cells are restated, and why (serving/history.py).

One file tells no two figures of a cell whose difference is that of a few persons. Where the threshold is above 1:

1. A cell that is hidden now, or is there no more, is restated without a figure.
2. What a cell said before it lost rows by law, or was hidden, is told no more: erasure goes before history.
3. What a cell of persons said before stands beside what it says now only where a changed figure waits until enough
   persons changed, in it and in what is left of its totals (`external`, holding.py). Elsewhere a restatement tells its
   cause, and the figure as it is shown.
"""

import duckdb

from orchestration.engine import identifier
from orchestration.privacy.disclosure import CELL, Profile, columns_of, key, number

RESTATED = "kpi_restatements"
BEFORE = ("previous_value", "difference")
FIGURES = (*BEFORE, "value", "more_subjects")
LOST = "'removed', 'disclosure', 'held'"  # causes after which what was said before is told no more


def empty(con: duckdb.DuckDBPyConnection, restated: str, shown: str, metrics: str, profile: Profile) -> None:
    """Empty in `restated`, this publication's and all before, what would tell more of a cell than `shown` does."""
    if profile.threshold == 1:
        return
    columns = ", ".join(
        f"CASE WHEN {_may_tell(c)} THEN r.{identifier(c)} END AS {identifier(c)}"
        if c in FIGURES
        else f"r.{identifier(c)}"
        for c in columns_of(con, restated)
    )
    judged = _judged(restated, shown, metrics, profile.all_classes, profile.holds)
    con.execute(f"CREATE OR REPLACE TABLE {restated} AS SELECT {columns} FROM ({judged}) r")


def tell(con: duckdb.DuckDBPyConnection) -> int:
    """How many restatements of a published file tell more of a cell than its figures do: 0, or check C15 fails."""
    tables = {str(t) for (t,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()}
    if not {RESTATED, "kpi_values", "kpi_metrics"} <= tables:
        return 0
    threshold, all_classes, holds = con.execute(
        "SELECT threshold, binds_operational, holds FROM publication"
    ).fetchall()[0]
    if threshold == 1:
        return 0
    told = " OR ".join(f"(r.{c} IS NOT NULL AND NOT {_may_tell(c)})" for c in FIGURES)
    judged = _judged(RESTATED, "kpi_values", "kpi_metrics", all_classes, holds)
    return number(con, f"SELECT count(*) FROM ({judged}) r WHERE {told}")


def _judged(restated: str, shown: str, metrics: str, all_classes: bool, holds: bool) -> str:
    """SQL: restatements; of each whether its cell is shown, says the same still, and what was before may be told."""
    bound = "coalesce(m.is_bound, true)" if not all_classes else "true"
    same = "printf('%.9g', coalesce({0}.value, 0))"
    return f"""
        SELECT s.*, v.cell IS NOT NULL AS is_shown, {same.format("v")} = {same.format("s")} AS is_same,
            ({"true" if holds else "false"} OR NOT {bound}) AND (s.lost_at IS NULL OR s.restated_at > s.lost_at) AS is_open
        FROM (
            SELECT *, max(restated_at) FILTER (cause IN ({LOST})) OVER (PARTITION BY cell) AS lost_at
            FROM (SELECT *, {key(CELL)} AS cell FROM {restated})
        ) s
        LEFT JOIN (SELECT {key(CELL)} AS cell, value FROM {shown} WHERE suppressed_reason IS NULL) v ON v.cell = s.cell
        LEFT JOIN (SELECT metric_id, variant, bool_or(disclosure <> 'operational') AS is_bound FROM {metrics} GROUP BY ALL) m
            ON m.metric_id = s.metric_id AND m.variant IS NOT DISTINCT FROM s.variant
    """


def _may_tell(column: str) -> str:
    """SQL: whether a judged restatement `r` may tell one of its figures."""
    return {
        "value": "(r.is_shown AND (r.is_same OR r.is_open))",
        "more_subjects": "r.is_shown",
    }.get(column, "(r.is_shown AND r.is_open)")
