"""Firefox reviews on Google Play: time to the developer's reply, against the raw CSVs.

Keep out: the product's own reading of the files.
"""

from pathlib import Path

import pandas as pd
import pytest

APPROX = 1e-9


@pytest.fixture(scope="module")
def reviews(data: Path) -> pd.DataFrame:
    """Both experiments; hours from the review's last edit to the reply, from the columns in milliseconds."""
    frame = pd.concat(
        pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        for path in sorted((data / "fennec_gplay").glob("*.csv.gz"))
    )
    replied = pd.to_numeric(frame["Developer Reply Millis Since Epoch"])
    edited = pd.to_numeric(frame["Review Last Update Millis Since Epoch"])
    return frame.assign(hours=(replied - edited) / 3_600_000).reset_index(drop=True)


@pytest.mark.parametrize(("variant", "q"), [("km_p50_calendar", 0.5), ("km_p90_calendar", 0.9)])
def test_reply_time_leaves_replies_older_than_the_last_edit_out(reviews, marts, kaplan_meier, variant, q):
    """Trap: 124 replies are older than the text they seem to answer; a negative time is no time."""
    kept = reviews.loc[reviews["hours"] >= 0, "hours"]
    row = marts.row("review_reply_hours", variant, source="fennec_gplay")
    assert row["value"] == pytest.approx(kaplan_meier(kept, kept.notna(), q), rel=APPROX)
    assert row["n_eligible"] == len(kept)


@pytest.mark.parametrize(("variant", "hours"), [("within_24_h", 24), ("within_72_h", 72)])
def test_replied_share_neither_counts_replies_older_than_the_last_edit_nor_the_reviews_they_belong_to(
    reviews, marts, variant, hours
):
    """Trap: a negative time is below 24 hours too; 124 old replies would pass for the fastest ones."""
    observed_until = pd.Timestamp("2018-07-15", tz="UTC").timestamp() * 1000
    edited = pd.to_numeric(reviews["Review Last Update Millis Since Epoch"])
    matured = reviews[~(reviews["hours"] < 0) & (observed_until - edited >= hours * 3_600_000)]
    row = marts.row("review_replied_share", variant, source="fennec_gplay")
    assert (row["numerator"], row["denominator"]) == ((matured["hours"] <= hours).sum(), len(matured))
    assert row["value"] == pytest.approx(100 * (matured["hours"] <= hours).mean(), rel=APPROX)


def test_mean_and_median_of_finished_replies_leave_them_out_too(reviews, marts):
    """Trap: averaging the negative times makes the replies look faster than they were."""
    kept = reviews.loc[reviews["hours"] >= 0, "hours"]
    mean = marts.row("review_reply_hours", "mean_finished_calendar", source="fennec_gplay")["value"]
    assert mean == pytest.approx(kept.mean(), rel=APPROX)
    assert mean != pytest.approx(reviews["hours"].mean(), rel=1e-3)
    median = marts.row("review_reply_hours", "p50_finished_calendar", source="fennec_gplay")["value"]
    assert median == pytest.approx(kept.median(), rel=APPROX)


def test_negative_reply_times_are_counted_as_a_finding(reviews, marts):
    """Trap: what leaves an estimate must be seen somewhere."""
    findings = marts.table("kpi_data_quality", source="fennec_gplay", kind="review")
    found = findings[findings["finding"].str.contains("reply")]
    assert found["n"].tolist() == [(reviews["hours"] < 0).sum()]


def test_milliseconds_and_iso_columns_agree(reviews):
    """Trap: every time stands twice; were they to differ, the source would reject the review."""
    for name in ("Review Submit", "Review Last Update", "Developer Reply"):
        iso = pd.to_datetime(reviews[f"{name} Date and Time"], utc=True)
        millis = pd.to_datetime(pd.to_numeric(reviews[f"{name} Millis Since Epoch"]), unit="ms", utc=True)
        assert ((millis - iso).dt.total_seconds().abs() < 1).all()


def test_every_star_counts_once(reviews, marts):
    """Trap: the stars stand in two columns and the reviews in two files."""
    row = marts.row("rating_mean", "per_response", source="fennec_gplay")
    assert row["value"] == pytest.approx(reviews["Star Rating"].astype(int).mean(), rel=APPROX)
    assert row["n_answered"] == reviews["id"].nunique()
