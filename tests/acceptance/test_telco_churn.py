"""Telco customers: churn by the vendor's flag, against the raw CSV.

Keep out: the product's own reading of the file.
"""

from pathlib import Path

import pandas as pd
import pytest

APPROX = 1e-9


@pytest.fixture(scope="module")
def customers(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "telco_churn" / "Telco-Customer-Churn.csv.gz", dtype=str, keep_default_na=False)


def test_churn_rate_keeps_customers_with_a_blank_total(customers, marts):
    """Trap: 11 blank TotalCharges (tenure 0): dropping those rows changes the rate."""
    churned = customers["Churn"] == "Yes"
    row = marts.row("churn_rate", "source_flag", source="telco_churn")
    assert row["value"] == pytest.approx(100 * churned.mean(), rel=APPROX)
    assert (row["numerator"], row["denominator"]) == (churned.sum(), len(customers))

    kept = churned[customers["TotalCharges"].str.strip() != ""]
    assert len(kept) < len(churned) and row["value"] != pytest.approx(100 * kept.mean(), rel=1e-6)


def test_churn_rate_by_contract_adds_up(customers, marts):
    """Trap: a breakdown has no 'all' member, so its parts add up to the whole."""
    rows = marts.rows("churn_rate", "source_flag", source="telco_churn", breakdown="source,contract").set_index(
        "contract"
    )
    expected = (customers["Churn"] == "Yes").groupby(customers["Contract"]).agg(["mean", "size"])
    assert rows["denominator"].to_dict() == expected["size"].to_dict()
    assert (rows["value"] / 100).to_dict() == pytest.approx(expected["mean"].to_dict(), rel=APPROX)
    assert rows["denominator"].sum() == len(customers)


def test_a_snapshot_has_no_periods(marts):
    """Trap: a snapshot without dates has no months."""
    rows = marts.table("kpi_values", metric_id="churn_rate", source="telco_churn")
    assert set(rows["period_grain"]) == {"all"} and rows["period_start"].isna().all()
