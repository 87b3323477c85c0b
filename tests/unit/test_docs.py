"""Pages that a command writes are fresh, and the SQL that pages show runs on the published marts."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import duckdb
import pytest
import yaml

ROOT = Path(__file__).parents[2]
BI = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^\*\*(\d\. .*?)\*\*.*?```sql\n(.*?)```", BI, re.M | re.S)


@pytest.fixture(scope="module")
def published():
    """Every published table without rows, with the columns its contract enforces."""
    with duckdb.connect() as con:
        for path in sorted((ROOT / "dbt_project" / "models" / "marts" / "kpis").glob("*.yml")):
            told = yaml.safe_load(path.read_text(encoding="utf-8"))
            for table in (t for source in told["sources"] for t in source["tables"]):
                columns = ", ".join(f'"{c["name"]}" {c["data_type"]}' for c in table["columns"])
                con.execute(f"create table {table['name']} ({columns})")
            for model in told["models"]:
                columns = ", ".join(f'"{c["name"]}" {c["data_type"]}' for c in model["columns"])
                if "suppressed_reason" not in columns and '"breakdown"' in columns:
                    columns += ", suppressed_reason varchar"  # publication adds it
                con.execute(f"create table {model['name']} ({columns})")
        yield con


def test_data_dictionary_is_what_its_command_writes():
    spec = spec_from_file_location("data_dictionary", ROOT / "docs" / "data_dictionary.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "data_dictionary.md").read_text(encoding="utf-8")
    assert written == module.text(), "run python docs/data_dictionary.py"


def test_page_on_bi_asks_five_questions():
    assert [q[0] for q, _ in QUESTIONS] == ["1", "2", "3", "4", "5"]


def test_filter_boxes_are_filled_from_the_table_of_choices(published):
    boxes = re.search(r"Fill filter boxes.*?```sql\n(.*?)```", BI, re.S)
    assert published.execute(boxes[1]).fetchall() == []


def test_coverage_is_asked_of_its_table(published):
    coverage = re.search(r"`kpi_coverage` says what.*?```sql\n(.*?)```", BI, re.S)
    assert published.execute(coverage[1]).fetchall() == []


@pytest.mark.parametrize("question", [q for q, _ in QUESTIONS])
def test_question_runs_on_the_published_marts_and_fixes_what_must_be_fixed(published, question):
    sql = dict(QUESTIONS)[question]
    assert published.execute(sql).fetchall() == []
    for column in ("metric_id", "period_grain", "breakdown"):
        assert re.search(rf"{column} (?:=|in)", sql), f"{column} is not fixed"
    assert re.search(r"variant (?:=|in)|is_headline", sql), "variant is not fixed"


def test_question_asks_for_metrics_and_breakdowns_that_the_registry_publishes():
    import csv

    with (ROOT / "dbt_project" / "seeds" / "metrics.csv").open(encoding="utf-8") as file:
        registry = list(csv.DictReader(file))
    for question, sql in QUESTIONS:
        metrics = set(re.findall(r"'(\w+)'", re.search(r"metric_id (?:= |in \()('[^)]*?')[\n )]", sql)[1]))
        breakdowns = re.findall(r"'([^']*)'", re.search(r"breakdown (?:= |in \()('[^)\n]*)", sql)[1])
        for metric in metrics:
            offered = {b for r in registry if r["metric_id"] == metric for b in r["breakdowns"].split(";")}
            for breakdown in breakdowns:
                assert breakdown in offered, f"{question}: {metric} is not cut by '{breakdown}'"
