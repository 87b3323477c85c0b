"""Zendesk-shaped tables: tombstones, repeated history and unknown priorities, against the raw CSVs.

Keep out: the product's own reading of the files.
"""

from pathlib import Path

import pandas as pd


def raw(data: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(data / "zendesk_sample" / f"{name}.csv", dtype=str, keep_default_na=False)


def test_deleted_tickets_are_no_cases(data, exact_marts):
    """Trap: Zendesk keeps deleted tickets as rows with status 'deleted'."""
    tickets = raw(data, "ticket_data")
    cases = exact_marts.table("fct_cases", source="zendesk_sample")
    assert len(cases) == (tickets["status"] != "deleted").sum() < len(tickets)


def test_repeated_history_lines_are_one_event(data, exact_marts):
    """Trap: the same change of status is delivered four times."""
    history = raw(data, "ticket_field_history_data")
    status = history[history["field_name"] == "status"].drop_duplicates(["ticket_id", "updated", "value"])
    events = exact_marts.table("fct_case_events", source="zendesk_sample")
    assert (
        events["event_type"].isin(["status", "resolved", "closed", "reopened"]).sum()
        == len(status)
        < (history["field_name"] == "status").sum()
    )


def test_rules_for_a_priority_zendesk_does_not_have_are_rejected(data, exact_marts):
    """Trap: 'medium' is no priority; guessing 'normal' would give two targets for one."""
    rules = raw(data, "sla_policy_metric_history_data")
    rejected = exact_marts.table("load_ledger", source="zendesk_sample", name="sla_policy", measure="rejected")
    assert rejected["n"].sum() == (rules["priority"] == "medium").sum()
