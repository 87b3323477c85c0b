"""UCI incident log: attainment, reopenings and resolution times by incident, against the raw audit log.

Keep out: the product's own reading of the file.
"""

from pathlib import Path

import pandas as pd
import pytest

ZONE = "America/Sao_Paulo"  # declared by the source: the log keeps Brazil's holidays
PRIORITY = {"1 - Critical": "urgent", "2 - High": "high", "3 - Moderate": "normal", "4 - Low": "low"}
APPROX = 1e-9


@pytest.fixture(scope="module")
def log(data: Path) -> pd.DataFrame:
    """The log in its own order, one line per event."""
    frame = pd.read_csv(data / "uci_incident" / "incident_event_log.zip", dtype=str, keep_default_na=False)
    for column in ("opened_at", "sys_updated_at"):
        local = pd.to_datetime(frame[column], format="%d/%m/%Y %H:%M")
        frame[column] = local.dt.tz_localize(ZONE).dt.tz_convert("UTC").dt.tz_localize(None)
    return frame


@pytest.fixture(scope="module")
def incidents(log: pd.DataFrame) -> pd.DataFrame:
    """One line per incident: its last word, and when the log first showed it resolved."""
    last = log.groupby("number").tail(1).set_index("number")
    assert (last["incident_state"] == "Closed").all()
    resolved = log[log["incident_state"] == "Resolved"].groupby("number")["sys_updated_at"].first()
    closed = log[log["incident_state"] == "Closed"].groupby("number")["sys_updated_at"].first()
    first = resolved.combine_first(closed)
    return last.assign(hours=(first - last["opened_at"]).dt.total_seconds() / 3600, is_met=last["made_sla"] == "true")


def test_sla_attainment_counts_cases_at_their_last_word_not_events(log, incidents, marts):
    """Trap: made_sla is a running flag on every event; counting events gives 93.5 % all over the web."""
    row = marts.row("sla_attainment", "source_flag", source="uci_incident")
    assert row["value"] == pytest.approx(100 * incidents["is_met"].mean(), rel=APPROX)
    assert (row["numerator"], row["denominator"]) == (incidents["is_met"].sum(), len(incidents))

    by_event = 100 * (log["made_sla"] == "true").mean()
    assert by_event == pytest.approx(93.5, abs=0.1)
    assert abs(row["value"] - by_event) > 20


def test_sla_attainment_by_priority_takes_the_priority_an_incident_ended_with(incidents, marts):
    """Trap: 383 incidents change priority on the way; each counts once."""
    rows = marts.rows("sla_attainment", "source_flag", source="uci_incident", breakdown="source,priority")
    expected = incidents.groupby(incidents["priority"].map(PRIORITY))["is_met"].agg(["mean", "size"])
    assert dict(zip(rows["priority"], rows["denominator"], strict=True)) == expected["size"].to_dict()
    for row in rows.itertuples():
        assert row.value == pytest.approx(100 * expected.loc[row.priority, "mean"], rel=APPROX)


def test_sla_attainment_by_month_is_cut_by_opening(incidents, marts):
    """Trap: closed_at repeats on every event, from the future; a case belongs to the month it was opened in."""
    rows = marts.rows("sla_attainment", "source_flag", source="uci_incident", grain="month").set_index("period_start")
    expected = incidents.groupby(incidents["opened_at"].dt.to_period("M").dt.start_time)["is_met"].agg(["mean", "size"])
    assert rows["denominator"].sort_index().to_dict() == expected["size"].to_dict()
    assert (rows["value"].sort_index() / 100).to_dict() == pytest.approx(expected["mean"].to_dict(), rel=APPROX)


def test_reopen_rate_counts_incidents_that_came_back(log, incidents, marts):
    """Trap: reopen_count repeats on every later event, and a line out of order makes up a reopening."""
    reopened = (log["reopen_count"].astype(int).groupby(log["number"]).max() > 0).sum()
    row = marts.row("reopen_rate", "ever_reopened", source="uci_incident")
    assert row["value"] == pytest.approx(100 * reopened / len(incidents), rel=APPROX)
    assert (row["numerator"], row["denominator"]) == (reopened, len(incidents))


@pytest.mark.parametrize(("variant", "q"), [("km_p50_calendar", 0.5), ("km_p90_calendar", 0.9)])
def test_resolution_quantile_stops_at_the_first_resolution(incidents, marts, kaplan_meier, variant, q):
    """Trap: resolved_at is the last resolution and stands on every event, 1,556 incidents lack it.

    The log has the first.
    """
    expected = kaplan_meier(incidents["hours"], incidents["hours"].notna(), q)
    row = marts.row("resolution_hours", variant, source="uci_incident")
    assert row["value"] == pytest.approx(expected, rel=APPROX)
    assert (row["n_eligible"], row["n_censored"]) == (len(incidents), 0)


def test_finished_median_and_mean_are_of_incidents_not_of_events(log, incidents, marts):
    """Trap: the mean of a skewed time is many times its median; averaged over events it is worse still."""
    median = marts.row("resolution_hours", "p50_finished_calendar", source="uci_incident")["value"]
    mean = marts.row("resolution_hours", "mean_finished_calendar", source="uci_incident")["value"]
    assert median == pytest.approx(incidents["hours"].median(), rel=APPROX)
    assert mean == pytest.approx(incidents["hours"].mean(), rel=APPROX)
    by_event = log["number"].map(incidents["hours"]).mean()
    assert by_event > 1.2 * mean > 5 * median


def test_state_minus_hundred_is_rejected_and_counted(log, marts):
    """Trap: '-100' is no status."""
    rejected = marts.table("load_ledger", source="uci_incident", name="case", measure="rejected")
    assert rejected["n"].sum() == (log["incident_state"] == "-100").sum()
