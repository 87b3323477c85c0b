"""k-anonymity, l-diversity and t-closeness of a table of rows about persons, in SQL.

Keep out: which tables may leave (serving/export.py).

A person is known by all their rows together: a class is all rows that agree in the quasi-identifiers and whose persons
agree in the set of those of all their rows; with one row a person it is the class of the books. k: distinct persons in
the smallest class (Sweeney 2002, k-anonymity: a model for protecting privacy). l: distinct sensitive values in the
poorest class (Machanavajjhala et al. 2007, l-diversity; the distinct kind). t: the greatest distance between the
sensitive values of a class and of all rows (Li et al. 2007, t-closeness): for numbers the ordered distance, sum
|cumulated p - q| / (m - 1) over the m values in their order; for words half the sum |p - q|.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from orchestration.engine import identifier

LEAST_K, LEAST_L, GREATEST_T = 10, 2, 0.5


@dataclass(frozen=True)
class Anonymity:
    """What a table offers; `t_distance` from 0 (every class is like the whole) to 1."""

    k_persons: int
    l_values: int
    t_distance: float
    rows: int
    classes: int

    def shortfalls(self) -> list[str]:
        """What is not good enough, in words and figures."""
        found = []
        if self.k_persons < LEAST_K:
            found.append(f"k = {self.k_persons}: fewer than {LEAST_K} persons have their rows in the same classes")
        if self.l_values < LEAST_L:
            found.append(f"l = {self.l_values}: in some class all gave the same answer")
        if self.t_distance > GREATEST_T:
            found.append(f"t = {self.t_distance:.2f}: some class differs from the whole by more than {GREATEST_T}")
        return found


def measure(
    con: duckdb.DuckDBPyConnection, table: str, subject: str, quasi: Sequence[str], sensitive: str
) -> Anonymity:
    """k, l and t of a relation; `sensitive` is a number or a word, `quasi` may be empty (one class).

    A missing quasi-identifier is a value of its own, as is a missing sensitive one.
    """
    types = [str(t) for _, t, *_ in con.execute(f"DESCRIBE SELECT {identifier(sensitive)} FROM {table}").fetchall()]
    is_number = types[0] in ("BIGINT", "INTEGER", "DOUBLE", "HUGEINT", "FLOAT")
    row = con.execute(
        f"""
        WITH {_classes(table, subject, quasi, sensitive)},
        overall AS (SELECT v, count(*) / sum(count(*)) OVER () AS p FROM rows GROUP BY v),
        within AS (SELECT class, v, count(*) AS n FROM rows GROUP BY ALL),
        compared AS (
            SELECT s.class, o.v, coalesce(w.n, 0) / s.n - o.p AS gap
            FROM sizes s CROSS JOIN overall o LEFT JOIN within w ON w.class = s.class AND w.v IS NOT DISTINCT FROM o.v
        ),
        cumulated AS (
            SELECT class, gap, sum(gap) OVER (PARTITION BY class ORDER BY v NULLS FIRST ROWS UNBOUNDED PRECEDING) AS ahead
            FROM compared
        ),
        distances AS (
            SELECT class, {"sum(abs(ahead)) / greatest(count(*) - 1, 1)" if is_number else "sum(abs(gap)) / 2"} AS t
            FROM cumulated GROUP BY class
        )
        SELECT (SELECT coalesce(min(k), 0) FROM sizes), (SELECT coalesce(min(l), 0) FROM sizes),
            (SELECT coalesce(max(t), 0) FROM distances), (SELECT count(*) FROM rows), (SELECT count(*) FROM sizes)
        """
    ).fetchone()
    k, l_, t, rows, classes = row or (0, 0, 0.0, 0, 0)
    return Anonymity(int(k), int(l_), float(t), int(rows), int(classes))


def of_too_few(table: str, subject: str, quasi: Sequence[str], sensitive: str) -> str:
    """SQL: the persons in whose way k or l falls short; without all of their rows both are kept."""
    return (
        f"WITH {_classes(table, subject, quasi, sensitive)} "
        f"SELECT subject FROM rows SEMI JOIN (FROM sizes WHERE k < {LEAST_K} OR l < {LEAST_L}) USING (class)"
    )


def _classes(table: str, subject: str, quasi: Sequence[str], sensitive: str) -> str:
    """SQL: `rows` (class, subject, v) and `sizes` of the classes (n rows, k persons, l values), for a WITH."""
    texts = [f"coalesce(CAST({identifier(q)} AS VARCHAR), chr(30))" for q in quasi]
    own = f"concat_ws(chr(31), {', '.join(texts)})" if texts else "''"
    return f"""
        given AS (SELECT {own} AS own, {identifier(subject)} AS subject, {identifier(sensitive)} AS v FROM {table}),
        several AS (SELECT subject FROM given GROUP BY subject HAVING min(own) <> max(own)),
        stands AS (
            SELECT subject, string_agg(DISTINCT own, chr(29) ORDER BY own) AS owns
            FROM given SEMI JOIN several USING (subject) GROUP BY subject
        ),
        rows AS (SELECT concat_ws(chr(28), own, owns) AS class, subject, v FROM given LEFT JOIN stands USING (subject)),
        sizes AS (
            SELECT class, count(*) AS n, count(DISTINCT subject) AS k,
                count(DISTINCT v) + max(CASE WHEN v IS NULL THEN 1 ELSE 0 END) AS l
            FROM rows GROUP BY class
        )"""
