"""San Francisco airport survey: overall satisfaction per year and the promoter score of 2017, against the raw CSVs.

Keep out: the product's own reading of the files.
"""

from pathlib import Path

import pandas as pd
import pytest

YEARS = range(2010, 2018)
OVERALL = {2010: "Q6N", 2011: "Q8N", 2012: "Q8N_WHOLE", 2013: "Q7O_WHOLE"}  # Q7ALL from 2014: the code books tell
UNWEIGHTED = (2011, 2012)
APPROX = 1e-9


def raw(data: Path, year: int) -> pd.DataFrame:
    path = data / "sfo_survey" / f"{year}_SFO_Customer_Survey_20250817.csv.gz"
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def overall(data: Path, year: int) -> pd.Series:
    """Answers 1-5 to 'SFO Airport as a whole'; 0, 6 and the word Blank are none."""
    answers = raw(data, year)[OVERALL.get(year, "Q7ALL")].str.strip()
    return answers[answers.isin(list("12345"))].astype(int)


@pytest.mark.parametrize("year", YEARS)
def test_overall_rating_is_read_from_the_column_of_its_year_without_blank_and_never_used(data, marts, year):
    """Trap: the item is Q6N, Q8N, Q8N_WHOLE, Q7O_WHOLE, Q7ALL by year; 0 and 6 look like scores.

    2017 writes 'Blank'.
    """
    expected = overall(data, year)
    row = marts.row("rating_mean", "per_response", source="sfo_survey", year=year)
    assert row["value"] == pytest.approx(expected.mean(), rel=APPROX)
    assert row["n_answered"] == len(expected)

    codes = pd.to_numeric(raw(data, year)[OVERALL.get(year, "Q7ALL")], errors="coerce").dropna()
    if (codes > 5).any():
        assert row["value"] != pytest.approx(codes.mean(), rel=1e-4), "codes that are no answers were averaged"


@pytest.mark.parametrize("year", YEARS)
def test_overall_csat_counts_four_and_five_of_those_who_answered(data, marts, year):
    """Trap: the same codes in the denominator."""
    expected = overall(data, year)
    row = marts.row("csat", "top2", source="sfo_survey", year=year)
    assert row["value"] == pytest.approx(100 * (expected >= 4).mean(), rel=APPROX)
    assert (row["n_answered"], row["numerator"], row["denominator"]) == (
        len(expected),
        (expected >= 4).sum(),
        len(expected),
    )


@pytest.mark.parametrize("year", YEARS)
def test_weighted_rating_exists_only_in_years_that_have_weights(data, marts, year):
    """Trap: 2011 and 2012 have no WEIGHT; a missing weight is not 1."""
    found = marts.rows("rating_mean", "weighted", source="sfo_survey", grain="year")
    found = found[found["period_start"] == pd.Timestamp(year, 1, 1)]
    if year in UNWEIGHTED:
        assert "WEIGHT" not in raw(data, year)
        assert found["value"].isna().all()
    else:
        answers = overall(data, year)
        weights = pd.to_numeric(raw(data, year)["WEIGHT"])[answers.index]
        assert found["value"].tolist() == [pytest.approx((answers * weights).sum() / weights.sum(), rel=APPROX)]


def test_the_last_year_is_complete_though_its_interviews_ended_in_may(marts):
    """Trap: a survey of a few weeks a year is over when they are; the newest answer is not the end of observation."""
    years = marts.rows("csat", "top2", source="sfo_survey", grain="year")
    assert years.loc[years["is_complete_period"].astype(bool), "period_start"].dt.year.tolist() == list(YEARS)


def recommend(data: Path) -> pd.DataFrame:
    """Answers 0-10 to NETPRO with their weights; 11 is blank, and one cell is empty."""
    frame = raw(data, 2017)
    score = pd.to_numeric(frame["NETPRO"], errors="coerce")
    answered = score.between(0, 10)
    return pd.DataFrame({"score": score[answered], "weight": pd.to_numeric(frame["WEIGHT"])[answered]})


def test_promoter_score_leaves_code_eleven_out(data, marts):
    """Trap: NETPRO 11 is blank; taken as an answer it would be the best score there is."""
    score = recommend(data)["score"]
    parts = {
        "n_promoters": (score >= 9).sum(),
        "n_passives": score.between(7, 8).sum(),
        "n_detractors": (score <= 6).sum(),
    }
    row = marts.row("nps", "per_response", source="sfo_survey", year=2017)
    assert row["value"] == pytest.approx(100 * (parts["n_promoters"] - parts["n_detractors"]) / len(score), rel=APPROX)
    assert row["n_answered"] == len(score)

    wide = marts.row("nps", "per_response", source="sfo_survey", year=2017, mart="kpi_nps")
    assert {name: wide[name] for name in parts} == parts
    assert sum(parts.values()) == len(score)


def test_weighted_promoter_score_weighs_every_answer(data, marts):
    """Trap: a weighted share has the answers' weights below as well as above the line."""
    answers = recommend(data)
    up = answers.loc[answers["score"] >= 9, "weight"].sum()
    down = answers.loc[answers["score"] <= 6, "weight"].sum()
    row = marts.row("nps", "weighted", source="sfo_survey", year=2017)
    assert row["value"] == pytest.approx(100 * (up - down) / answers["weight"].sum(), rel=APPROX)
    assert row["n_answered"] == len(answers)

    between = answers.loc[answers["score"].between(7, 8), "weight"].sum()
    wide = marts.row("nps", "weighted", source="sfo_survey", year=2017, mart="kpi_nps")
    parts = {"w_promoters": up, "w_passives": between, "w_detractors": down}
    assert {name: wide[name] for name in parts} == pytest.approx(parts, rel=APPROX)
    assert wide[["n_promoters", "n_passives", "n_detractors"]].isna().all()


def test_only_the_item_declared_nps_counts(marts):
    """Trap: only 2017 asked NETPRO; the 1-5 items of other years are no promoter score."""
    years = marts.rows("nps", "per_response", source="sfo_survey", grain="year")["period_start"].dt.year
    assert years.tolist() == [2017]
