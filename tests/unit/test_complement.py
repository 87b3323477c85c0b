"""Which further cells the fix-point of disclosure hides.

Keep out: which are hidden for what they are (test_disclosure.py).
"""

import duckdb
import pytest

from orchestration.errors import VoicehouseError
from orchestration.privacy.complement import complement, spread, widen

Cell = tuple[int, int, int, int, str | None]  # id, place, population, persons in it, reason


def told(cells: list[Cell], terms: list[tuple[int, int]]) -> duckdb.DuckDBPyConnection:
    """The temp tables that disclosure makes; `terms`: (total, part), all of one kind."""
    con = duckdb.connect()
    con.execute("CREATE TABLE given (id BIGINT, place BIGINT, population BIGINT, n DOUBLE, reason VARCHAR)")
    con.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?)", cells)
    con.execute(
        "CREATE TEMP TABLE cells AS SELECT *, n AS subjects, n AS numerator, 2 * n AS denominator, 'score' AS metric_unit, "
        "CAST(NULL AS DOUBLE[]) AS parts, "
        "dense_rank() OVER (ORDER BY population, place) AS persons, dense_rank() OVER (ORDER BY place, n) AS counts FROM given"
    )
    con.execute("CREATE TEMP TABLE terms (kind INTEGER, total BIGINT, part BIGINT, is_needed BOOLEAN)")
    if terms:
        con.executemany("INSERT INTO terms VALUES (0, ?, ?, true)", terms)
    return con


def hidden(con: duckdb.DuckDBPyConnection) -> dict[int, str]:
    return dict(con.execute("SELECT id, reason FROM cells WHERE reason IS NOT NULL").fetchall())


def test_figures_about_the_same_answers_share_their_fate() -> None:
    con = told(
        [
            (1, 1, 1, 20, "homogeneous"),
            (2, 1, 1, 25, None),
            (3, 1, 2, 20, None),
            (4, 1, 2, 30, None),
            (5, 2, 3, 20, None),
        ],
        [],
    )
    spread(con)
    # 2 is of the population of 1, 3 counts as many at the place of 1, and 4 is of the population of 3.
    assert hidden(con) == {1: "homogeneous", 2: "homogeneous", 3: "homogeneous", 4: "homogeneous"}


def test_of_what_can_be_hidden_the_cell_that_opens_the_fewest_totals_goes_then_the_smallest() -> None:
    cells: list[Cell] = [
        (1, 1, 1, 100, None), (2, 2, 1, 5, "small_cell"), (3, 3, 1, 20, None), (4, 4, 1, 35, None), (5, 5, 1, 40, None),
        (6, 6, 1, 80, None), (7, 7, 1, 60, None),
    ]  # fmt: skip
    parts = [(1, 2), (1, 3), (1, 4), (1, 5)]
    con = told(cells, parts)
    assert complement(con, 10) == 1 and hidden(con) == {2: "small_cell", 3: "complement"}
    con = told(cells, [*parts, (6, 3), (6, 7)])  # 3 stands in another total, which hiding it would open
    assert complement(con, 10) == 1 and hidden(con) == {2: "small_cell", 4: "complement"}


def test_where_all_neighbours_are_hidden_those_further_off_are_widened_to() -> None:
    cells: list[Cell] = [
        (1, 1, 1, 9, "small_cell"), (2, 2, 1, 9, "small_cell"), (3, 3, 1, 18, "complement"),
        (4, 4, 1, 50, None), (5, 5, 1, 68, "complement"),
    ]  # fmt: skip
    con = told(cells, [(3, 1), (3, 2), (5, 3), (5, 4)])
    widen(con, [1], 1)
    assert hidden(con)[4] == "complement"
    with pytest.raises(VoicehouseError, match="stays computable"):
        widen(con, [1], 1)
