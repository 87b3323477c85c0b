"""Which values of one dimension lie within which of another: a survey belongs to one source, a question to one survey.

Keep out: what follows for disclosure (disclosure.py).

Whoever knows the house knows it, and takes the surveys of a source away from the source across breakdowns. Asked of the
exact records, each kind that a metric counts by itself: one dimension lies within another when each of its values is
seen with one value of the other, none ("unknown") being a value too.
"""

from collections.abc import Mapping
from itertools import permutations

import duckdb

from orchestration.engine import identifier, literal
from orchestration.privacy.disclosure import DIMENSIONS

NONE = "unknown"  # what breakdowns call a missing member
# Where records name a dimension otherwise; a question by its survey, as in the figures.
NAMED = {
    "product": "product_id", "store": "store_id", "survey": "survey_id", "question": "survey_id || '/' || question_id",
}  # fmt: skip


def nest(con: duckdb.DuckDBPyConnection, facts: str, tables: Mapping[str, list[str]], metrics: str, into: str) -> None:
    """Write table `into` (metric_id, part, part_value, total, total_value) from the records of each metric.

    `facts` is the schema of `tables`, each with its columns: fct_reviews has the records of kind review. `metrics` is
    the registry (metric_id, record_kind).
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {into} (metric_id VARCHAR, part VARCHAR, part_value VARCHAR, total VARCHAR, "
        "total_value VARCHAR)"
    )
    counted = f"SELECT record_kind, list(DISTINCT metric_id) FROM {metrics} WHERE record_kind IS NOT NULL GROUP BY ALL"
    for kinds, names in con.execute(f"{counted} ORDER BY ALL").fetchall():
        found = {f"fct_{kind}s" for kind in kinds.split("; ")} & set(tables)
        selects = [_combinations(facts, table, tables[table]) for table in sorted(found)]
        if not selects:
            continue
        con.execute(f"CREATE OR REPLACE TEMP TABLE seen_together AS {' UNION BY NAME '.join(selects)}")
        for part, total in _nested(con):
            con.execute(
                f"INSERT INTO {into} SELECT m, {literal(part)}, part_value, {literal(total)}, any_value(total_value) FROM "
                f"(SELECT coalesce({part}, '{NONE}') AS part_value, coalesce({total}, '{NONE}') AS total_value "
                "FROM seen_together), unnest(?::VARCHAR[]) AS u(m) "
                "GROUP BY m, part_value HAVING count(DISTINCT total_value) = 1",
                [names],
            )


def _combinations(facts: str, table: str, columns: list[str]) -> str:
    """SQL: the values of dimensions that records of one kind have together."""
    told = {d: NAMED.get(d, identifier(d)) for d in DIMENSIONS}
    needed = {d: ("survey_id", "question_id") if d == "question" else (NAMED.get(d, d),) for d in DIMENSIONS}
    named = [f"CAST({told[d]} AS VARCHAR) AS {identifier(d)}" for d in DIMENSIONS if set(needed[d]) <= set(columns)]
    return f"SELECT DISTINCT {', '.join(named)} FROM {facts}.{identifier(table)}" if named else "SELECT NULL AS source"


def _nested(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Pairs (part, total) of dimensions with more than one value, each value of the first with one of the second."""
    columns = [str(c) for c, *_ in con.execute("DESCRIBE seen_together").fetchall()]
    pairs = list(permutations(columns, 2))
    if not pairs:
        return []
    figures = [
        (f"count(DISTINCT {part})", f"count(DISTINCT hash({part}, {other}))", f"count(DISTINCT {other})")
        for part, total in pairs
        for other in [f"coalesce({total}, '{NONE}')"]
    ]
    asked = ", ".join(
        f"struct_pack({', '.join(f'{name} := {figure} FILTER ({part} IS NOT NULL)' for name, figure in zip('abc', each, strict=True))})"
        for (part, _), each in zip(pairs, figures, strict=True)
    )
    found = con.execute(f"SELECT {asked} FROM seen_together").fetchall()[0]
    return [pair for pair, f in zip(pairs, found, strict=True) if f["a"] == f["b"] and f["a"] > 1 and f["c"] > 1]
