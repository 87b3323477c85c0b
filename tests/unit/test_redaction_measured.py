"""The kept figures of redaction: complete, of the rules as they are, on target; stale when a rule changes.

Keep out: measuring.
"""

import json
from datetime import datetime

import pytest

from orchestration.privacy import measured
from orchestration.serving.privacy_report import LIMITS
from tests.bench import redaction_table
from tests.bench.redaction_table import PAGE


def test_kept_figures_are_of_the_rules_as_they_are():
    """Fails after a change of rules: run `make bench-redaction PUBLIC=folder WRITE=--write` and review the figures."""
    assert measured.is_current()


def test_every_set_and_language_is_measured():
    sets = {(row["set"], row["language"]) for row in measured.measured()["rows"]}
    both = {
        (s, lang)
        for s in ("made up", "own values", "own identity", "numbers", "numbers, with a model")
        for lang in ("en", "zh")
    }
    chinese = {(s, "zh") for s in ("third persons", "third persons, with a model", "no person, with a model")}
    assert sets == both | chinese | {("public", "en"), ("public, with a model", "en")}


def test_kept_figures_reach_their_targets():
    assert measured.missed() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"recall": 0.5}, ["made up, en, CARD"]),
        ({"precision": 0.5}, ["made up, en, CARD"]),
        ({"set": "own values", "what": "EMAIL_slip", "recall": 0.89}, ["own values, en, EMAIL_slip"]),
        ({"set": "own values", "what": "NAME_pinyin", "recall": 0.98}, ["own values, en, NAME_pinyin"]),
        ({"set": "own identity", "what": "SELF", "recall": 0.9, "precision": 0.97}, ["own identity, en, SELF"]),
        ({}, []),
    ],
)
def test_a_figure_below_its_target_is_named(monkeypatch, change, expected):
    row = {
        "set": "made up",
        "language": "en",
        "what": "CARD",
        "n": 9,
        "hits": 9,
        "recall": 1.0,
        "precision": 1.0,
    } | change
    monkeypatch.setattr(measured, "measured", lambda: {"rows": [row], "redaction_version": "x"})
    assert measured.missed() == expected


def test_figures_of_other_rules_prove_nothing(monkeypatch):
    kept = json.loads(measured.FILE.read_text()) | {"redaction_version": "another"}
    monkeypatch.setattr(measured, "measured", lambda: kept)
    assert measured.evidence() is None


def test_the_table_of_the_page_is_that_of_the_kept_figures():
    """Fails when a figure is typed in by hand: the same command writes both."""
    assert (
        redaction_table.BEGIN + redaction_table.markdown(measured.measured()) + redaction_table.END in PAGE.read_text()
    )


def test_every_target_of_the_page_but_one_is_met_and_is_one_of_the_check():
    table = PAGE.read_text().partition(redaction_table.BEGIN)[2].partition(redaction_table.END)[0]
    met = {line.partition(", public, ")[0]: line.rsplit("|", 2)[1].strip() for line in table.splitlines()[2:]}
    missed = {what for what, is_met in met.items() if is_met not in ("yes", "stated")}
    # The page tells how it varies about its target; every other one is met.
    assert len(met) > 65 and missed <= {"| all rules, own values, beside Presidio's patterns"}
    for least, kinds in ((0.99, redaction_table.OWN), (0.9, redaction_table.SLIPS)):
        missing = [what for what in kinds if measured.least("own values", what) != least]
        assert missing == []


def test_figures_are_dated_by_when_they_were_measured():
    at = datetime.fromisoformat(measured.measured()["measured_at"])
    assert at.tzinfo is None and datetime(2026, 11, 1) < at


def test_what_is_measured_without_a_target_is_a_limit_that_the_report_names():
    assert list(redaction_table.LIMITS) == ["NAME_slip_2"]
    assert any("name of two characters" in en and "两字" in zh for zh, en in LIMITS)
