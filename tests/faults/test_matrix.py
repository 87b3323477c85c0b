"""docs/reliability.md and this suite say the same: every fault on the page has a test, every test a line on the page.

Keep out: what a test proves.
"""

import re
from pathlib import Path

from tests.faults import bad_files, test_bad_answers, test_disk_full, test_kill, test_late_data

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Tests that are driven by a table: its cases stand on the page, not they.
TABLES = {
    ("test_bad_files.py", "test_a_broken_file_is_told_or_counted_and_the_rest_goes_on"): [
        fault.name for fault in bad_files.FAULTS
    ],
    ("test_bad_answers.py", "test_a_bad_answer_is_told_or_overcome_and_costs_no_row"): [
        fault.name for fault in test_bad_answers.FAULTS
    ],
    ("test_kill.py", "test_a_killed_run_leaves_nothing_readable_and_the_next_makes_it_good"): [
        point for point, _ in test_kill.DEATHS
    ],
    ("test_disk_full.py", "test_a_full_disk_is_named_and_the_next_run_makes_it_good"): list(test_disk_full.POINTS),
    ("test_disk_full.py", "test_a_disk_that_is_full_when_figures_are_served_leaves_whole_ones"): list(
        test_disk_full.SERVING
    ),
}


def names_in(path: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_and_the_suite_name_the_same_faults() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| fault")]
    named = {found for line in lines for found in re.findall(r"`([\w/]+\.py)::(\w+)`", line)}
    here = {
        (path.name, test)
        for path in HERE.glob("test_*.py")
        for test in names_in(path)
        if path != Path(__file__) and (path.name, test) not in TABLES
    }
    here |= {(file, case) for (file, _), cases in TABLES.items() for case in cases}
    here |= {("test_late_data.py", point) for point in test_late_data.SWAPS}
    elsewhere = {(file, test) for file, test in named if "/" in file}
    assert {file.rpartition("/")[0] for file, _ in elsewhere} == {"tests/unit", "tests/integration"}  # of `make test`
    gone = {f"{file}::{test}" for file, test in elsewhere if test not in names_in(ROOT / file)}
    without_test = {f"{file}::{test}" for file, test in named - elsewhere - here} | gone
    not_on_page = {f"{file}::{test}" for file, test in here - named}
    assert without_test == set(), "on the page without a test"
    assert not_on_page == set(), "tested and not on the page"
    assert [line for line in lines if "::" not in line and "killed |" not in line] == [], "a line without a test"
