"""CDNOW purchases: repeated lines and the cohort triangle by month, against the raw text file.

Keep out: the product's own reading of the file.
"""

import gzip
from pathlib import Path

import pandas as pd
import pytest

APPROX = 1e-9
ZONE = "America/New_York"  # declared by the source
OBSERVED_UNTIL = pd.Timestamp("1998-07-01", tz=ZONE).tz_convert("UTC").tz_localize(None)  # the set ends with June 1998
INACTIVE = pd.Timedelta(days=90)


@pytest.fixture(scope="module")
def purchases(data: Path) -> pd.DataFrame:
    """One line per purchase after the header, at local midnight in UTC."""
    with gzip.open(data / "cdnow" / "CDNOW_master.txt.gz", "rt") as lines:
        header, *rows = [line.split() for line in lines]
    assert header[0] == "customer_id"
    frame = pd.DataFrame(rows, columns=["customer", "day", "cds", "dollars"])
    local = pd.to_datetime(frame["day"], format="%Y%m%d").dt.tz_localize(ZONE)
    return frame.assign(at=local.dt.tz_convert("UTC").dt.tz_localize(None), dollars=frame["dollars"].astype(float))


def test_repeated_lines_are_purchases_of_their_own(purchases, exact_marts):
    """Trap: 255 lines repeat exactly; the header is no purchase; 80 purchases cost nothing and count all the same."""
    orders = exact_marts.table("fct_orders", source="cdnow")
    assert purchases.duplicated().sum() > 0
    assert len(orders) == len(purchases)
    assert orders["amount"].sum() == pytest.approx(purchases["dollars"].sum(), rel=APPROX)
    assert (orders["amount"] == 0).sum() == (purchases["dollars"] == 0).sum() > 0


@pytest.fixture(scope="module")
def triangle(purchases: pd.DataFrame) -> dict[tuple[pd.Timestamp, int], float | None]:
    """(cohort month, age in months) → percent of the cohort still active.

    Active: bought within the 90 days before the end of that month of age (0: the month of the first purchase). None
    where that end lies after the observation.
    """
    cohort = purchases.groupby("customer")["at"].min().dt.to_period("M")
    oldest = cohort.min()
    ages = range((pd.Period(OBSERVED_UNTIL, "M") - oldest).n)
    cells: dict[tuple[pd.Timestamp, int], float | None] = {}
    for month, members in cohort.groupby(cohort):
        own = purchases[purchases["customer"].isin(members.index)]
        for age in ages:
            end = (month + age + 1).start_time
            kept = own[(own["at"] >= end - INACTIVE) & (own["at"] < end)]["customer"].nunique()
            cells[month.start_time, age] = 100 * kept / len(members) if end <= OBSERVED_UNTIL else None
    return cells


def cohort_rows(marts) -> pd.DataFrame:
    rows = marts.rows("retention_rate", "inactive_90_days", source="cdnow", grain="month")
    return rows[rows["cohort_age_months"].notna()]


def test_cohort_triangle_by_month_of_first_purchase(triangle, marts):
    """Trap: a cell is measured at its own instant.

    Who bought once is not kept for ever, who comes back is active again.
    """
    rows = cohort_rows(marts)
    measured = {(r.period_start, int(r.cohort_age_months)): r.value for r in rows[rows["value"].notna()].itertuples()}
    expected = {cell: value for cell, value in triangle.items() if value is not None}
    assert measured == pytest.approx(expected, rel=APPROX)


def test_cohort_triangle_is_blank_where_nothing_was_observed(triangle, marts):
    """Trap: after June 1998 nobody is known to have left: those cells are blank, not zero, and not measured in 2026."""
    rows = cohort_rows(marts)
    blank = {(r.period_start, int(r.cohort_age_months)) for r in rows[rows["value"].isna()].itertuples()}
    assert blank == {cell for cell, value in triangle.items() if value is None} != set()


def test_cohorts_hold_every_customer_once(purchases, marts):
    """Trap: a customer belongs to the month of the first purchase, and to no other."""
    sizes = cohort_rows(marts).groupby("period_start")["n_eligible"].agg(["min", "max"])
    assert (sizes["min"] == sizes["max"]).all()
    assert sizes["min"].sum() == purchases["customer"].nunique()
