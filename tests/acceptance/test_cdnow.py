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
    orders = exact_marts.table("fct_orders")
    orders = orders[orders["source"] == "cdnow"]
    assert purchases.duplicated().sum() > 0
    assert len(orders) == len(purchases)
    assert orders["amount"].sum() == pytest.approx(purchases["dollars"].sum(), rel=APPROX)
    assert (orders["amount"] == 0).sum() == (purchases["dollars"] == 0).sum() > 0


@pytest.fixture(scope="module")
def triangle(purchases: pd.DataFrame) -> dict[tuple[pd.Timestamp, int], float | None]:
    """(cohort month, age in months) → percent of the cohort that bought within the 90 days before that age; None where
    the source was no longer observed."""
    cohort = purchases.groupby("customer")["at"].min().dt.to_period("M")
    ages = {}
    for month, members in cohort.groupby(cohort):
        own = purchases[purchases["customer"].isin(members.index)]
        for age in range(19):
            instant = (month + age).start_time
            kept = own[(own["at"] >= instant - INACTIVE) & (own["at"] < instant)]["customer"].nunique()
            ages[month.start_time, age] = 100 * kept / len(members) if instant <= OBSERVED_UNTIL else None
    return ages


def test_cohort_triangle_by_month_of_first_purchase(triangle, marts):
    """Trap: who bought long ago is not kept for ever; a cell is measured at its own instant, not at the end of the data."""
    rows = marts.rows("retention_rate", "inactive_90_days", source="cdnow", grain="month")
    rows = rows[rows["cohort_age_months"].notna() & rows["value"].notna() & (rows["cohort_age_months"] > 0)]
    measured = {(row.period_start, int(row.cohort_age_months)): row.value for row in rows.itertuples()}
    expected = {cell: value for cell, value in triangle.items() if value is not None and cell[1] > 0}
    assert measured == pytest.approx(expected, rel=APPROX)


def test_cohort_triangle_is_blank_where_nothing_was_observed(triangle, marts):
    """Trap: after June 1998 nobody is known to have left: those cells are blank, not zero, and not of 2026."""
    rows = marts.rows("retention_rate", "inactive_90_days", source="cdnow", grain="month")
    rows = rows[rows["cohort_age_months"].notna()]
    for row in rows.itertuples():
        instant = row.period_start + pd.DateOffset(months=int(row.cohort_age_months))
        assert pd.isna(row.value) == (instant > OBSERVED_UNTIL)
    assert set(rows["period_start"]) == {month for month, _ in triangle}
