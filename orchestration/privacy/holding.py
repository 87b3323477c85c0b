"""Holding: what is already published stays as it is until enough persons changed in it (profile `external`).

Keep out: the rules for one publication (disclosure.py) and where past publications are kept (serving/history.py).

Whoever keeps two publications subtracts them: a cell of 50 persons that becomes one of 51 gives the one away. So the
*changes* between two publications are a table of their own, with the same sums as the figures, and protected alike:

1. A changed cell is released when at least N persons came or went since its value was last shown; else it is held.
2. What remains of a released total's change after taking the released parts' changes away is nothing, or N persons,
   counted since the last publication and since each was last shown: else one more part is held, or the total.
3. No held change may follow from all the equations together (the same projection as in disclosure.py): else the whole
   population waits.

Persons who came or went are counted by the difference of two numbers of distinct persons, which is never more than
there truly were: some cells wait longer than they must, none is released early. A held cell shows what it showed,
with the known_at of that time; where rows were removed since (erased, withdrawn, expired) it shows nothing, for
erasure goes before holding.
"""

from dataclasses import dataclass

import duckdb

from orchestration.privacy.disclosure import CELL, Profile, computable, key, listed, number

FIGURES = ("n", "subjects", "numerator", "denominator", "value")


@dataclass(frozen=True)
class Held:
    """Cells that are not shown as they are now."""

    kept: int  # shown as before
    emptied: int  # suppressed: never shown before, or rows were removed since
    derivable: int  # small changes that can be computed all the same: 0, unless totals are no sums


def exact_state(con: duckdb.DuckDBPyConnection, values: str, before: str, removals: int, into: str) -> None:
    """Table `into`: the exact figures of every cell behind this publication, and whether it shows them (`is_fresh`).

    After `disclose`, and `hold` where the profile holds. The next publication measures changes against it; `before` is
    the state of the last one. `removals` of a cell is the count at the time when it last showed what it was.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TABLE {into} AS
        SELECT c.cell, c.n, c.subjects, c.numerator, c.denominator, v.value,
            c.reason IS NULL AND h.id IS NULL AS is_fresh,
            CASE WHEN c.reason IS NULL AND h.id IS NULL THEN {removals} ELSE coalesce(b.removals, {removals}) END AS removals
        FROM (SELECT *, {key(CELL)} AS cell FROM exact_cells) c JOIN (SELECT {key(CELL)} AS cell, value FROM {values}) v
            ON v.cell = c.cell
        LEFT JOIN held h ON h.id = c.id LEFT JOIN {before} b ON b.cell = c.cell
        """
    )


def hold_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """For profiles that show every cell as it is now."""
    con.execute("CREATE OR REPLACE TEMP TABLE held (id BIGINT, cell VARCHAR)")


def hold(con: duckdb.DuckDBPyConnection, values: str, last: str, state: str, removals: int, profile: Profile) -> Held:
    """After `disclose`: what must wait goes into `hidden_cells` (reason 'held'), and into table `kept` as it was shown.

    `values` are the exact rows; `last` the newest published row per cell, with `cell` and `shown_n`, `shown_subjects`,
    `shown_value`: what the cell showed when it last showed something; `state` as `exact_state` left it.
    `removals` counts the rows withheld or erased up to now.
    """
    _changes(con, values, last, state, profile.threshold)
    _spread(con)
    while _close(con, profile.threshold):
        _spread(con)
    left = 0
    while not left and (found := _derivable(con, profile.threshold)):
        con.execute("CREATE OR REPLACE TEMP TABLE told AS SELECT unnest(?::BIGINT[]) AS id", [found])
        waiting = number(con, "SELECT count(*) FROM changes WHERE is_released")
        con.execute(
            "UPDATE changes SET is_released = false WHERE NOT is_settled AND population IN "
            "(SELECT population FROM changes SEMI JOIN told USING (id))"
        )
        if number(con, "SELECT count(*) FROM changes WHERE is_released") == waiting:
            left = len(found)
    con.execute("CREATE OR REPLACE TEMP TABLE held AS SELECT id, cell FROM changes WHERE is_shown AND NOT is_released")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE kept AS SELECT l.* FROM {last} l JOIN held h ON h.cell = l.cell "
        f"JOIN {state} s ON s.cell = l.cell WHERE l.suppressed_reason IS NULL AND s.removals = {removals}"
    )
    con.execute(
        f"INSERT INTO hidden_cells BY NAME SELECT {listed(CELL)}, 'held' AS suppressed_reason "
        "FROM exact_cells SEMI JOIN held USING (id)"
    )
    kept = number(con, "SELECT count(*) FROM kept")
    return Held(kept, number(con, "SELECT count(*) FROM held") - kept, left)


def _changes(con: duckdb.DuckDBPyConnection, values: str, last: str, state: str, threshold: int) -> None:
    """Table `changes`: every protected cell, what changed in it since the last publication, and whether it may show.

    is_changed: since the last publication. was_told: its figures of that time are public. is_moved: since it was last
    shown, if it was (was_shown); has_past: it is not new, so disclosure alone does not speak for it. is_settled: it
    shows what it is. is_released: it may be shown as it is now.
    """
    changed = " OR ".join(_differs(f"e.{f}", f"s.{f}") for f in FIGURES)
    moved = " OR ".join(_differs(f"e.{f}", f"l.shown_{f}") for f in ("n", "subjects", "value"))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE changes AS
        WITH e AS (
            SELECT c.*, v.value FROM (SELECT *, {key(CELL)} AS cell FROM exact_cells) c
            JOIN (SELECT {key(CELL)} AS cell, value FROM {values}) v ON v.cell = c.cell
            WHERE c.is_protected AND NOT c.is_empty
        )
        SELECT e.id, e.cell, e.population, e.place, e.n AS n_now, e.reason IS NULL AS is_shown,
            e.n - coalesce(s.n, 0) AS n, e.subjects - coalesce(s.subjects, 0) AS subjects,
            ({changed}) AS is_changed,
            s.cell IS NULL OR s.is_fresh OR s.n = 0 AS was_told,
            e.n - coalesce(l.shown_n, 0) AS own_n, e.subjects - coalesce(l.shown_subjects, 0) AS own_subjects,
            ({moved}) AS is_moved, s.cell IS NULL OR l.shown_n IS NOT NULL OR s.n = 0 AS was_shown,
            s.n <> 0 AS has_past,
            coalesce(s.is_fresh, false) AND NOT ({changed}) AS is_settled,
            e.reason IS NULL AND (
                l.shown_n IS NULL OR abs(e.subjects - l.shown_subjects) >= {threshold} OR NOT ({moved})
            ) AS is_released
        FROM e LEFT JOIN {state} s ON s.cell = e.cell LEFT JOIN {last} l ON l.cell = e.cell
        """
    )


def _differs(left: str, right: str) -> str:
    """SQL: two figures differ by more than rounding."""
    return f"abs(coalesce({left}, 0) - coalesce({right}, 0)) > 1e-9 * greatest(1, abs(coalesce({left}, 0)))"


def _spread(con: duckdb.DuckDBPyConnection) -> None:
    """Figures about the same persons at the same place move together: one held, all held."""
    held = "SELECT * FROM changes WHERE is_shown AND NOT is_released"
    before = -1
    while before != (now := number(con, f"SELECT count(*) FROM ({held})")):
        before = now
        for same in (("population", "place"), ("place", "n_now", "n", "subjects")):
            con.execute(
                f"UPDATE changes SET is_released = false FROM (SELECT DISTINCT {listed(same)} FROM ({held})) h "
                f"WHERE {' AND '.join(f'changes.{c} = h.{c}' for c in same)} AND NOT is_settled"
            )


def _close(con: duckdb.DuckDBPyConnection, threshold: int) -> int:
    """Rule 2, one pass: hold one more member of every equation that gives a small change away; how many were open."""
    opened = 0
    for told, changed, n, subjects in (  # since the last publication, and since each cell was last shown
        ("NOT is_changed OR (is_released AND was_told)", "is_changed", "n", "subjects"),
        ("NOT is_moved OR (is_released AND was_shown)", "is_moved", "own_n", "own_subjects"),
    ):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE told_changes AS
            SELECT id, {n} AS n, {subjects} AS subjects, {changed} AS is_changed, {told} AS is_told, is_released, has_past FROM changes;
            CREATE OR REPLACE TEMP TABLE next_held AS
            WITH balance AS (
                SELECT e.kind, e.total, any_value(t.n) - coalesce(sum(p.n) FILTER (p.is_told), 0) AS n,
                    any_value(t.subjects) - coalesce(sum(p.subjects) FILTER (p.is_told), 0) AS subjects,
                    count(*) FILTER (p.is_changed AND NOT p.is_told) AS untold,
                    arg_min(p.id, abs(p.subjects)) FILTER (p.is_told AND p.is_changed AND p.is_released) AS smallest
                FROM terms e JOIN told_changes t ON t.id = e.total JOIN told_changes p ON p.id = e.part
                WHERE t.is_told AND t.is_changed AND t.is_released AND t.has_past GROUP BY e.kind, e.total
            )
            SELECT DISTINCT coalesce(smallest, total) AS id FROM balance
            WHERE (n <> 0 OR untold > 0)
                AND CASE WHEN n * subjects > 0 THEN least(abs(n), abs(subjects)) ELSE 0 END < {threshold}
            """
        )
        con.execute("UPDATE changes SET is_released = false WHERE id IN (SELECT id FROM next_held)")
        opened += number(con, "SELECT count(*) FROM next_held")
    return opened


def _derivable(con: duckdb.DuckDBPyConnection, threshold: int) -> list[int]:
    """Ids of small changes that no publication tells and that follow from those that are told."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE cells AS
        SELECT e.* EXCLUDE (reason), CASE WHEN NOT c.is_settled AND NOT (c.is_released AND c.was_told) THEN
            CASE WHEN c.is_changed AND abs(c.subjects) < {threshold} THEN 'held' ELSE 'too_fine' END END AS reason
        FROM exact_cells e LEFT JOIN changes c ON c.id = e.id WHERE e.is_protected AND NOT e.is_empty
        """
    )
    return computable(con)
