"""Sizes in the published registers: none of a hidden cell's, by itself or by subtraction, and refusals at any size.

Keep out: figures (test_disclosure.py).
"""

from pathlib import Path

import duckdb
import pytest
import served_house

from orchestration.engine import load_extension
from orchestration.privacy.audit import check_published
from orchestration.serving.publish import publish

ANSWERS = {"desk": 40, "forms": 30, "booth": 4}  # of one question, so that a figure counts the very records
SIZES = ("emitted", "staged", "promoted", "current")


@pytest.fixture
def house(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """Three sources of answers in two loads each; the booth has four."""
    con = served_house.warehouse(tmp_path / "made", answers=300, cases=200, days=60)
    load_extension(con, "httpfs")
    con.execute(
        "DELETE FROM wh.kpis.kpi_values WHERE metric_id <> 'nps' OR period_grain <> 'all' OR breakdown NOT IN ('', 'source')"
    )
    con.execute(
        "INSERT INTO wh.kpis.kpi_values SELECT * REPLACE ('booth' AS source) FROM wh.kpis.kpi_values WHERE source = 'desk'"
    )
    con.execute(
        "DELETE FROM wh.kpis.load_ledger; DELETE FROM wh.kpis.kpi_coverage; DELETE FROM wh.kpis.kpi_data_quality"
    )
    for source, n in (*ANSWERS.items(), (None, sum(ANSWERS.values()))):
        con.execute(
            "UPDATE wh.kpis.kpi_values SET n_eligible = $n, n_answered = $n, n_subjects = $n, denominator = $n, numerator = $n / 2 "
            "WHERE source IS NOT DISTINCT FROM $source",
            {"n": n, "source": source},
        )
        con.execute(
            "INSERT INTO wh.kpis.kpi_coverage SELECT metric_id, variant, record_kind, $source, $n + 2, $n, 2, 0, 100.0 * $n / ($n + 2) "
            "FROM wh.kpis.kpi_metrics WHERE metric_id = 'nps'",
            {"n": n, "source": source},
        )
        con.execute(
            "INSERT INTO wh.kpis.kpi_data_quality SELECT $source, 'survey_answer', unnest(['without_date', 'rejected: no_consent']), "
            "unnest([$n, 2]), 'l1' WHERE $source IS NOT NULL",
            {"n": n, "source": source},
        )
    for source, n in ANSWERS.items():
        for load in ("l1", "l2"):
            lines = [("rows", "survey_answer", m, None, n // 2) for m in SIZES]
            lines += [
                ("rows", "survey_answer", "rejected", "no_consent", 1),
                ("records", "answers", "read", None, n // 2),
            ]
            lines += [("rows", "consent", "current", None, n // 2), ("rows", "scale", "promoted", None, 1)]
            lines += [("periods", "survey_answer", "touched", "2026-03", None)]
            con.executemany(
                "INSERT INTO wh.kpis.load_ledger VALUES (?, ?, TIMESTAMP '2026-07-20 01:00:00', ?, ?, ?, ?, ?)",
                [(f"{source}-{load}", source, *line) for line in lines],
            )
    return con


@pytest.mark.parametrize("profile", ["internal", "external", "open_data"])
def test_no_register_tells_the_size_of_a_cell_that_is_hidden(
    house: duckdb.DuckDBPyConnection, tmp_path: Path, profile: str
) -> None:
    house.execute(f"UPDATE wh.intermediate.int_sources SET is_public_set = {profile == 'open_data'}")
    result = publish(house, served_house.home(tmp_path), profile, None)
    assert result.is_served
    with duckdb.connect(str(result.path), read_only=True) as con:
        told = con.execute("SELECT source, name, measure, sum(n) FROM load_ledger GROUP BY ALL").fetchall()
        covered = con.execute(
            "SELECT source, n_records, n_in_analysis, coverage, n_refused FROM kpi_coverage"
        ).fetchall()
        found = con.execute("SELECT source, finding, n FROM kpi_data_quality").fetchall()
        loads = con.execute("SELECT DISTINCT load_id IS NULL FROM load_ledger WHERE measure = 'current'").fetchall()
        reasons = con.execute("SELECT source, suppressed_reason FROM kpi_values WHERE source IS NOT NULL").fetchall()
    shown = {
        "internal": {"desk"},  # forms is hidden with booth: in all less those shown would be four
        "external": set(),
        "open_data": set(ANSWERS),
    }[profile]
    by_name = {(source, name, measure): n for source, name, measure, n in told}
    for source, n in ANSWERS.items():
        expected = n if source in shown else None
        assert {by_name[source, "survey_answer", m] for m in SIZES} == {expected}, source
        assert by_name[source, "answers", "read"] == by_name[source, "consent", "current"] == expected
        assert by_name[source, "survey_answer", "rejected"] == by_name[source, "scale", "promoted"] == 2
        assert ((source, "survey_answer", "touched") in by_name) == (profile != "external")
        assert {row[1:] for row in found if row[0] == source} == {
            ("without_date", expected),
            ("rejected: no_consent", 2),
        }
    sizes = {source: (*row[:2], row[2] is not None) for source, *row in covered}
    total = sum(ANSWERS.values()) if shown else None
    assert sizes[None] == (total and total + 2, total, total is not None)
    assert {s: sizes[s][1] for s in ANSWERS} == {s: n if s in shown else None for s, n in ANSWERS.items()}
    assert all((n is not None) == is_told for _, n, is_told in sizes.values()) and {row[-1] for row in covered} == {2}
    assert loads == [(profile != "open_data",)]
    assert (dict(reasons)["booth"] is None) == (profile == "open_data")  # the control


def test_a_source_that_stands_alone_hides_the_total_and_no_other_sources_counts(
    house: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    house.execute("DELETE FROM wh.kpis.kpi_values WHERE source <> 'booth' OR source IS NULL")
    for table in ("kpi_coverage", "load_ledger"):
        house.execute(f"DELETE FROM wh.kpis.{table} WHERE source IN ('desk', 'forms')")
    house.execute(
        "INSERT INTO wh.kpis.load_ledger SELECT 'd', 'desk', now(), 'rows', 'case', unnest(['promoted', 'current']), NULL, 50"
    )
    result = publish(house, served_house.home(tmp_path), "internal", None)
    assert result.is_served
    with duckdb.connect(str(result.path), read_only=True) as con:
        assert con.execute("SELECT DISTINCT n_in_analysis FROM kpi_coverage").fetchall() == [(None,)]
        told = con.execute(
            "SELECT source, sum(n) FROM load_ledger WHERE measure = 'promoted' AND name <> 'scale' GROUP BY 1"
        )
        assert dict(told.fetchall()) == {"desk": 50, "booth": None}


@pytest.mark.parametrize("profile", ["internal", "external", "open_data"])
def test_no_count_over_all_kinds_gives_back_the_one_kind_that_is_hidden(
    house: duckdb.DuckDBPyConnection, tmp_path: Path, profile: str
) -> None:
    """The booth has the only mentions, four of them: what C1 looked at, less all that the ledger tells."""
    house.execute(f"UPDATE wh.intermediate.int_sources SET is_public_set = {profile == 'open_data'}")
    for table in ("kpi_values", "load_ledger", "kpi_coverage", "kpi_data_quality"):
        house.execute(f"DELETE FROM wh.kpis.{table} WHERE source = 'booth'")
    house.execute(
        "INSERT INTO wh.kpis.load_ledger SELECT 'b', 'booth', now(), 'rows', 'mention', unnest(['promoted', 'current']), NULL, 4"
    )
    house.execute(
        "INSERT INTO wh.kpis.kpi_metrics SELECT * REPLACE ('mentions' AS metric_id, 'count' AS unit) "
        "FROM (SELECT COLUMNS(c -> c <> 'record_kind') FROM wh.kpis.kpi_metrics WHERE disclosure = 'subject' LIMIT 1)"
    )
    looked_at = "SELECT sum(n) FROM {}load_ledger WHERE level = 'rows' AND measure = 'promoted'"
    house.execute(
        f"UPDATE wh.kpis.privacy_checks SET n_checked = ({looked_at.format('wh.kpis.')}) WHERE check_id = 'C1'; "
        "INSERT INTO wh.kpis.privacy_checks SELECT * REPLACE ('C20' AS check_id, 'booth DE → CN by adequacy, 4 persons' AS evidence) "
        "FROM wh.kpis.privacy_checks WHERE check_id = 'C1'"
    )
    result = publish(house, served_house.home(tmp_path), profile, None)
    assert result.is_served
    with duckdb.connect(str(result.path), read_only=True) as con:
        (told,) = con.execute(looked_at.format("")).fetchall()[0]
        found = {
            c: (n, e) for c, n, e in con.execute("SELECT check_id, n_checked, evidence FROM privacy_checks").fetchall()
        }
    assert found["C1"] == ((told, "gate counts") if profile == "open_data" else (None, "gate counts"))
    assert (found["C20"][1] is None) == (profile != "open_data") and found["C9"][0]


@pytest.mark.parametrize(
    "betrayal",
    [
        "UPDATE privacy_checks SET n_checked = 124 WHERE check_id = 'C1'",
        "UPDATE kpi_coverage SET n_in_analysis = 4 WHERE source = 'booth'",
        "UPDATE load_ledger SET n = 4 WHERE source = 'booth' AND measure = 'current'",
        "UPDATE kpi_coverage SET n_in_analysis = 30 WHERE source = 'forms'",
        "UPDATE load_ledger SET n = 30 WHERE source = 'forms' AND measure = 'current' AND name = 'survey_answer'",
        "UPDATE load_ledger SET load_id = 'desk-l1' WHERE source = 'desk' AND measure = 'current'",
    ],
)
def test_c15_looks_at_the_registers_too(house: duckdb.DuckDBPyConnection, tmp_path: Path, betrayal: str) -> None:
    path = publish(house, served_house.home(tmp_path), "internal", None).path
    assert check_published(path)["C15"][1] == 0
    with duckdb.connect(str(path)) as con:
        con.execute(betrayal)
    assert check_published(path)["C15"][1] > 0
