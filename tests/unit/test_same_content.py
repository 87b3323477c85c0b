"""Homes are compared up to the names of pseudonyms: ties need no order, and a row under another person is seen.

Keep out: what two homes hold (tests/faults).
"""

import duckdb
import pytest

from tests.same_content import Table, Tables, differences, read

ROWS = [("a1", "p1", 5), ("a2", "p2", 5), ("a3", "p2", 3), ("a4", None, 3)]


def home(rows: list[tuple[str, str | None, int]], prefix: str = "", texts: tuple[str, ...] = ("x", "y")) -> Tables:
    """Answers and one text on each of the first two, under a home's own names."""

    def name(key: str | None) -> str | None:
        return key and prefix + key

    return {
        "answers": Table(("answer_key", "subject_key", "score"), [(name(a), name(p), score) for a, p, score in rows]),
        "texts": Table(("feedback_key", "text"), [(name(f"a{n + 1}"), text) for n, text in enumerate(texts)]),
    }


def test_rows_that_are_equal_but_for_their_pseudonyms_need_no_order() -> None:
    swapped = [ROWS[1], ROWS[0], *ROWS[:1:-1]]
    assert differences(home(ROWS), home(swapped, "other ")) == {}


@pytest.mark.parametrize(("name", "is_seen"), [("dim_targets", True), ("dim_customers", True), ("_subjects", False)])
def test_since_when_a_row_holds_is_compared_but_for_merges_which_tell_when_they_were_loaded(
    name: str, is_seen: bool
) -> None:
    found = []
    with duckdb.connect() as con:
        for day in (1, 2):
            con.execute(f"create or replace table {name} as select timestamp '2025-01-0{day}' as valid_from, 1 as n")
            found.append({name: read(con, "main", name)})
    assert (differences(*found) != {}) == is_seen


def test_a_row_of_another_person_or_of_nobody_is_seen() -> None:
    others = [*ROWS[:2], ("a3", "p1", 3), ROWS[3]]
    assert differences(home(ROWS, texts=("x", "x")), home(others, texts=("x", "x"))) == {}  # p1 and p2, renamed
    assert "answers" in differences(home(ROWS), home(others))  # not so where their texts tell them apart
    assert "answers" in differences(home(ROWS), home([*ROWS[:3], ("a4", "p3", 3)]))


def test_a_key_that_names_another_record_in_a_second_table_is_seen() -> None:
    assert differences(home(ROWS), home(ROWS, texts=("y", "x"))).keys() == {"answers", "texts"}


def test_a_row_twice_and_a_table_that_is_missing_are_seen() -> None:
    assert differences(home(ROWS), home([*ROWS, ROWS[3]]))["answers"] >= 1
    assert differences(home(ROWS), {"answers": home(ROWS)["answers"], "empty": Table(("n",), [])}).keys() >= {
        "texts",
        "empty",
    }
