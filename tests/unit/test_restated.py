"""What restatements tell of a cell, on tables small enough to check by hand.

Keep out: publications one after the other (test_history.py).
"""

from datetime import datetime
from typing import Any

import duckdb
import pytest

from orchestration.privacy import restated
from orchestration.privacy.disclosure import CELL, PROFILES

FIGURES = ("previous_value", "value", "difference", "more_subjects")
# cell, publication, previous_value, value, more_subjects, cause
TOLD: tuple[tuple[str, int, float | None, float | None, int | None, str], ...] = (
    ("grew", 1, 10.0, 20.0, 15, "late_data"),
    ("grew", 2, 20.0, 21.0, None, "late_data"),
    ("hidden", 1, -1.2, -3.5, None, "late_data"),
    ("gone", 1, -1.2, -3.5, 12, "late_data"),
    ("erased", 1, 30.0, 40.0, 20, "late_data"),
    ("erased", 2, 40.0, 41.0, -12, "removed"),
    ("erased", 3, 41.0, 50.0, 30, "late_data"),
)
NOW = {"grew": 21.0, "hidden": None, "erased": 50.0}


def house(metric: str, profile: str) -> duckdb.DuckDBPyConnection:
    """A published file in which `TOLD` stands as the history keeps it."""
    con, chosen = duckdb.connect(), PROFILES[profile]
    given = {"metric_id": f"'{metric}'", "store": "store"}
    cell = ", ".join(f"CAST({given.get(c, 'NULL')} AS VARCHAR) AS {c}" for c in CELL)
    con.execute(
        f"CREATE TABLE kpi_restatements AS SELECT {cell}, TIMESTAMP '2026-07-01' + to_days(day) AS restated_at, previous_value, "
        f"value, value - previous_value AS difference, CAST(more AS BIGINT) AS more_subjects, cause "
        f"FROM (VALUES {', '.join(str(row).replace('None', 'NULL') for row in TOLD)}) t(store, day, previous_value, value, more, cause)"
    )
    con.execute(
        f"CREATE TABLE kpi_values AS SELECT {cell}, value, CASE WHEN value IS NULL THEN 'small_cell' END AS suppressed_reason "
        f"FROM (VALUES {', '.join(str(row).replace('None', 'NULL') for row in NOW.items())}) t(store, value)"
    )
    con.execute(
        "CREATE TABLE kpi_metrics AS SELECT * FROM (VALUES ('nps', NULL, 'subject'), ('backlog', NULL, 'operational')) "
        "t(metric_id, variant, disclosure)"
    )
    con.execute(
        "CREATE TABLE publication AS SELECT ?::INTEGER AS threshold, ?::BOOLEAN AS binds_operational, ?::BOOLEAN AS holds",
        [chosen.threshold, chosen.all_classes, chosen.holds],
    )
    return con


def rows(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], tuple[Any, ...]]:
    found = con.execute(f"SELECT store, restated_at, {', '.join(FIGURES)} FROM kpi_restatements").fetchall()
    return {(store, (at - datetime(2026, 7, 1)).days): tuple(said) for store, at, *said in found}


NOTHING = (None, None, None, None)
HIDDEN_OR_LOST = {
    ("hidden", 1): NOTHING,
    ("gone", 1): NOTHING,
    ("erased", 1): (None, None, None, 20),
    ("erased", 2): (None, None, None, -12),
}


@pytest.mark.parametrize(
    "metric, profile", [("nps", "internal"), ("nps", "external"), ("backlog", "internal"), ("backlog", "external")]
)
def test_a_restatement_tells_no_figure_that_the_file_does_not_show_of_its_cell(metric: str, profile: str) -> None:
    con = house(metric, profile)
    assert restated.tell(con) > 0  # the control: as the history keeps them
    restated.empty(con, "kpi_restatements", "kpi_values", "kpi_metrics", PROFILES[profile])
    if (metric, profile) == ("nps", "internal"):
        # Nothing holds a changed figure until enough persons changed, in it and in what is left of its totals.
        others = {
            ("grew", 1): (None, None, None, 15),
            ("grew", 2): (None, 21.0, None, None),
            ("erased", 3): (None, 50.0, None, 30),
        }
    else:
        others = {
            ("grew", 1): (10.0, 20.0, 10.0, 15),
            ("grew", 2): (20.0, 21.0, 1.0, None),
            ("erased", 3): (41.0, 50.0, 9.0, 30),
        }
    assert rows(con) == HIDDEN_OR_LOST | others
    assert restated.tell(con) == 0


def test_open_data_tells_all() -> None:
    con = house("nps", "open_data")
    before = rows(con)
    restated.empty(con, "kpi_restatements", "kpi_values", "kpi_metrics", PROFILES["open_data"])
    assert rows(con) == before and restated.tell(con) == 0
