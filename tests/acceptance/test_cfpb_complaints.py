"""US consumer complaints: timely and untimely responses, against the raw CSV.

Keep out: the product's own reading of the file.
"""

from pathlib import Path

import pandas as pd
import pytest

APPROX = 1e-9


@pytest.fixture(scope="module")
def complaints(data: Path) -> pd.DataFrame:
    """Literal None and N/A stay words here, so that no parser takes them for missing."""
    (path,) = (data / "cfpb_complaints").glob("complaints_*.csv.gz")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_timely_response_is_the_flag_by_complaint(complaints, marts):
    """Trap: narratives run over many lines; counting lines would multiply complaints."""
    timely = complaints["Timely response?"] == "Yes"
    row = marts.row("timely_response", "source_flag", source="cfpb_complaints")
    assert row["value"] == pytest.approx(100 * timely.mean(), rel=APPROX)
    assert (row["numerator"], row["denominator"]) == (timely.sum(), len(complaints))


def test_closed_untimely_is_another_fact_than_a_late_response(complaints, marts):
    """Trap: 'Timely response?' = No (a late answer) and 'Untimely response' (none in time) are counted apart."""
    untimely = complaints["Company response to consumer"] == "Untimely response"
    late = complaints["Timely response?"] == "No"
    row = marts.row("timely_response", "closed_untimely", source="cfpb_complaints")
    assert row["value"] == pytest.approx(100 * untimely.mean(), rel=APPROX)
    assert row["numerator"] == untimely.sum() < late.sum()


def test_reopenings_that_the_file_never_tells_are_not_zero(complaints, marts):
    """Trap: no column speaks of reopening; a rate of 0 would claim that somebody had looked."""
    assert not complaints.columns.str.contains("open", case=False).any()
    for variant in ("ever_reopened", "within_30_days"):
        assert marts.rows("reopen_rate", variant, source="cfpb_complaints").empty


def test_words_for_nothing_are_no_category(marts):
    """Trap: None and N/A are literal text in the file."""
    for word in ("None", "N/A"):
        assert marts.table("kpi_values", category=word).empty
