"""Women's clothing reviews: mean rating and recommendation rate, against the raw CSV.

Keep out: the product's own reading of the file.
"""

from pathlib import Path

import pandas as pd
import pytest

APPROX = 1e-9


@pytest.fixture(scope="module")
def reviews(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "womens_clothing" / "womens_reviews.zip", dtype=str, keep_default_na=False)


def test_rating_counts_reviews_without_text_and_with_line_breaks(reviews, marts):
    """Trap: 845 reviews have no text but a rating, and texts hold line breaks and doubled quotes."""
    rating = reviews["Rating"].astype(int)
    assert (reviews["Review Text"] == "").any() and reviews["Review Text"].str.contains("\n").any()
    row = marts.row("rating_mean", "per_response", source="womens_clothing")
    assert row["value"] == pytest.approx(rating.mean(), rel=APPROX)
    assert row["n_answered"] == len(reviews)


def test_recommend_rate_is_the_flag_not_the_rating(reviews, marts):
    """Trap: some with five stars do not recommend, and some with one star do."""
    flag = reviews["Recommended IND"] == "1"
    row = marts.row("recommend_rate", "per_response", source="womens_clothing")
    assert row["value"] == pytest.approx(100 * flag.mean(), rel=APPROX)
    assert (row["numerator"], row["denominator"]) == (flag.sum(), len(flag))
    assert flag.mean() != pytest.approx((reviews["Rating"].astype(int) >= 4).mean(), abs=1e-3)


def test_a_source_without_dates_has_no_periods(marts):
    """Trap: a made-up date would put all reviews into one month."""
    own = marts.table("kpi_values", source="womens_clothing")
    assert set(own["period_grain"]) == {"all"} and own["period_start"].isna().all()
    # nor is it observed through what other sources were
    assert own["data_through"].isna().all()
