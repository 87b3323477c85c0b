"""Dashboards on what is served: ten usual queries, twenty readers at once.

Keep out: making the file. Run: python -m tests.bench.serving_measure path/to/kpi.duckdb
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

import duckdb

from tests.bench.table import Row, show

READERS = 20
ROUNDS = 15
TARGET_MS = 50.0
SETTINGS = {  # as docs/bi.md tells readers to connect
    "enable_external_access": "false",
    "lock_configuration": "true",
    "temp_directory": "",
    "late_materialization_max_rows": "0",
}

# What a first screen, a drill-down and a filter box ask; every one fixes the four columns that docs/bi.md names.
ONE = "metric_id = '{}' and variant = '{}' and period_grain = '{}' and breakdown = '{}'"
QUERIES = {
    "score over time": "select period_start, value, ci_low, ci_high, n_answered from kpi_values where "
    + ONE.format("nps", "per_response", "month", "")
    + " order by 1",
    "newest score": "select value, ci_low, ci_high, n_answered, difference, is_significant from kpi_values where "
    + ONE.format("csat", "top2", "month", "")
    + " and is_complete_period order by period_start desc limit 1",
    "score by source": "select source, value, n_answered, suppressed_reason from kpi_values where "
    + ONE.format("csat", "top2", "quarter", "source")
    + " order by period_start desc, value desc limit 50",
    "score by channel": "select channel, value, n_answered from kpi_values where "
    + ONE.format("nps", "per_response", "year", "channel")
    + " order by 1",
    "first reply": "select period_start, value from kpi_values where metric_id = 'first_reply_minutes' "
    "and period_grain = 'week' and breakdown = '' order by 1",
    "SLA by priority": "select priority, value, n_eligible from kpi_values where metric_id = 'sla_attainment' "
    "and period_grain = 'month' and breakdown = 'priority' order by period_start desc limit 50",
    "backlog": "select period_start, value from kpi_values where metric_id = 'backlog' and period_grain = 'week' "
    "and breakdown = '' order by 1",
    "slowest categories": "select category, value, n_eligible from kpi_values where "
    + ONE.format("resolution_hours", "km_p50_calendar", "month", "category")
    + " and is_complete_period order by period_start desc, value desc limit 30",
    "retention by cohort": "select cohort_age_months, period_start, value from kpi_values "
    "where metric_id = 'retention_rate' and period_grain = 'month' order by 2, 1 limit 1000",
    "what can be chosen": "select metric_id, variant, period_grain, breakdown from kpi_choices order by all",
}


def measure(path: Path) -> list[Row]:
    """Milliseconds at the 95th percentile of every query while all readers ask at once, without a pause between.

    Raises SystemExit for a query that nothing answers: it would be the fastest of all.
    """

    def reader(number: int) -> list[tuple[str, float]]:
        names = list(QUERIES)
        seen = []
        with duckdb.connect(str(path), read_only=True, config=SETTINGS) as con:
            for turn in range(ROUNDS * len(names)):
                name = names[(turn + number) % len(names)]
                started = time.perf_counter()
                con.execute(QUERIES[name]).fetchall()
                seen.append((name, (time.perf_counter() - started) * 1e3))
        return seen

    with duckdb.connect(str(path), read_only=True, config=SETTINGS) as con:
        counted = con.execute("select count(*) from kpi_values").fetchone()
        values = int(counted[0]) if counted else 0
        answers = {name: len(con.execute(sql).fetchall()) for name, sql in QUERIES.items()}
    if empty := [name for name, n in answers.items() if not n]:
        raise SystemExit(f"no row answers {', '.join(empty)}: the file served, or the query, is not what it should be")
    with ThreadPoolExecutor(READERS) as pool:
        times = [pair for seen in pool.map(reader, range(READERS)) for pair in seen]
    group = f"serving: {READERS} readers at once on {values:,} rows of kpi_values"
    rows = [
        Row(group, f"{name} ({answers[name]:,} rows)", _p95([t for n, t in times if n == name]), "ms p95")
        for name in QUERIES
    ]
    whole = _p95([t for _, t in times])
    return [*rows, Row(group, "all ten", whole, "ms p95", f"≤ {TARGET_MS:.0f}", whole <= TARGET_MS)]


def _p95(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]


if __name__ == "__main__":
    show(measure(Path(sys.argv[1])))
