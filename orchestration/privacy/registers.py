"""Sizes in published registers: `load_ledger`, `kpi_coverage` and `kpi_data_quality` tell none of a hidden cell.

Keep out: figures (disclosure.py) and the exact registers, which stand in the warehouse.

A cell that is hidden is hidden with its size, and a register that counts the records of its source tells it as well.
Where the threshold is above 1:

1. How many records of a kind a source has is emptied where fewer than N are in use, or where a cell of that source
   about persons is hidden and the records that stand in no figure at all are fewer than N: its size would be known to
   within those.
2. With one source, one more of the same kind, so that no total gives it away, and more until one has N; where that
   leaves none to hide among, the total too.
3. What is used is told over all loads, not by load: a day's load is about a day's cell.
4. Profile `external` tells no sizes and no months that a load touched: they would show what changed between refreshes.
5. The checks tell no counts of rows or persons: those of all kinds, less the kinds that are told, are the one that is
   not, and a flow may be that of a few. They stand in `lake/_checks.json`, for the privacy report.

What was refused, came twice, waits or is withheld is told at any size, by load (`NOT_USED`).
"""

import duckdb

from orchestration.engine import literal
from orchestration.privacy.disclosure import Profile, number
from orchestration.records import KINDS

LEDGER, COVERAGE, FINDINGS, REGISTRY, VALUES, PROVED = (
    "load_ledger", "kpi_coverage", "kpi_data_quality", "kpi_metrics", "kpi_values", "privacy_checks",
)  # fmt: skip
# Columns of checks in which rows or persons are counted, and of which checks.
COUNTS = {"n_checked": ("C1", "C2", "C5", "C7", "C13", "C21"), "evidence": ("C7", "C20")}
NOT_USED = ("rejected", "duplicate", "quarantined", "withheld", "unselected", "unread")
SIZES = ("n_records", "n_in_analysis", "coverage")  # columns of kpi_coverage
# A list of stores or of calendars counts nobody; staff stand in the ledger as a directory.
OPEN = tuple(kind for kind, record in KINDS.items() if record.is_reference or record.is_directory)

_NOT_USED, _OPEN = (", ".join(literal(v) for v in values) for values in (NOT_USED, OPEN))
_IS_SIZE = f"(level = 'records' OR (level = 'rows' AND name NOT IN ({_OPEN}))) AND measure NOT IN ({_NOT_USED})"
_IS_FOUND_IN_USE = " AND ".join(f"NOT starts_with(finding, {literal(measure)})" for measure in NOT_USED)
_KINDS = "unnest(string_split(record_kind, '; '))"


def empty_sizes(con: duckdb.DuckDBPyConnection, schema: str, profile: Profile) -> None:
    """Empty in the registers of `schema`, the candidate, what would tell the size of a hidden cell.

    Comes after `disclose`, whose cells it reads.
    """
    if profile.threshold == 1:
        return
    _hide(con, schema, profile.threshold)
    everything = "true" if profile.all_classes else "false"
    source_hides = f"({everything} OR source IN (SELECT source FROM hidden_sizes WHERE source IS NOT NULL))"
    kind_hides = (
        f"({everything} OR EXISTS (FROM hidden_sizes h WHERE h.source = r.source AND h.kind = r.name) "
        f"OR (r.name NOT IN (FROM figure_kinds) AND {source_hides}))"
    )
    if _has(con, schema, LEDGER):
        periods = "AND level <> 'periods'" if profile.all_classes else ""
        con.execute(
            f"""
            CREATE OR REPLACE TABLE {schema}.{LEDGER} AS
            SELECT * FROM {schema}.{LEDGER} WHERE NOT ({_IS_SIZE}) {periods}
            UNION ALL BY NAME
            SELECT CAST(NULL AS VARCHAR) AS load_id, source, max(loaded_at) AS loaded_at, level, name, measure, reason,
                CASE WHEN NOT if(level = 'records', {source_hides}, {kind_hides}) THEN CAST(sum(n) AS BIGINT) END AS n
            FROM {schema}.{LEDGER} AS r WHERE {_IS_SIZE} GROUP BY source, level, name, measure, reason
            """
        )
    if _has(con, schema, COVERAGE):
        emptied = ", ".join(f"{c} = NULL" for c in SIZES)
        con.execute(
            f"UPDATE {schema}.{COVERAGE} AS c SET {emptied} WHERE {everything} OR EXISTS (FROM hidden_sizes h "
            "WHERE h.source IS NOT DISTINCT FROM c.source AND list_contains(string_split(c.record_kind, '; '), h.kind))"
        )
    if _has(con, schema, FINDINGS):
        con.execute(
            f"UPDATE {schema}.{FINDINGS} AS f SET n = NULL WHERE {_IS_FOUND_IN_USE} AND kind NOT IN ({_OPEN}) "
            f"AND {kind_hides.replace('r.name', 'f.kind').replace('r.source', 'f.source')}"
        )


def empty_counts(con: duckdb.DuckDBPyConnection, schema: str, profile: Profile) -> None:
    """Empty in the checks of `schema`, the candidate, what counts rows or persons; last, when all are judged."""
    for condition, column in _counting() if profile.threshold > 1 else ():
        con.execute(f"UPDATE {schema}.{PROVED} SET {column} = NULL WHERE {condition}")


def sizes_that_tell(con: duckdb.DuckDBPyConnection) -> int:
    """How many sizes in a published file give a hidden cell away, by the file alone: 0, or check C15 fails.

    Without exact figures: of the hidden cells those of metrics that count the very records of a kind (mentions).
    """
    if not all(_has(con, "main", table) for table in (LEDGER, COVERAGE, REGISTRY, VALUES)):
        return 0
    threshold, is_external = con.execute("SELECT threshold, binds_operational FROM publication").fetchall()[0]
    if threshold == 1:
        return 0
    by_check = 0
    for condition, column in _counting() if _has(con, "main", PROVED) else ():
        by_check += number(con, f"SELECT count(*) FROM {PROVED} WHERE {condition} AND {column} IS NOT NULL")
    by_load = by_check + number(
        con,
        f"SELECT count(*) FROM {LEDGER} WHERE ({_IS_SIZE}) AND n IS NOT NULL AND (load_id IS NOT NULL OR {is_external})",
    )
    if is_external:
        shown = " OR ".join(f"{c} IS NOT NULL" for c in SIZES)
        periods = number(con, f"SELECT count(*) FROM {LEDGER} WHERE level = 'periods'")
        return by_load + periods + number(con, f"SELECT count(*) FROM {COVERAGE} WHERE {shown}")
    counted = f"SELECT source, name AS kind, n FROM {LEDGER} WHERE level = 'rows' AND measure = 'current'"
    one_kind = f"FROM {COVERAGE} WHERE NOT contains(record_kind, ';')"
    told = (
        f"SELECT source, kind, max(n) AS n FROM (SELECT * FROM ({counted}) WHERE kind IN (SELECT {_KINDS} FROM {REGISTRY} WHERE is_in_force) "
        f"UNION ALL SELECT source, record_kind, n_in_analysis {one_kind} AND source IS NOT NULL) GROUP BY ALL"
    )
    few = number(con, f"SELECT count(*) FROM ({told}) WHERE n BETWEEN 1 AND {threshold - 1}")
    hidden = number(
        con,
        f"""
        SELECT count(*) FROM ({told}) AS s WHERE n > 0 AND EXISTS (
            FROM {VALUES} AS v JOIN {REGISTRY} AS m USING (metric_id, variant)
            WHERE v.suppressed_reason IS NOT NULL AND v.breakdown = 'source' AND v.period_grain = 'all' AND v.source = s.source
            AND m.disclosure = 'subject' AND m.unit = 'count' AND m.record_kind = s.kind)
        """,
    )
    less_others = number(
        con,
        f"""
        SELECT count(*) FROM (SELECT record_kind AS kind, max(n_in_analysis) AS n {one_kind} AND source IS NULL GROUP BY ALL) AS t
        JOIN (SELECT kind, coalesce(sum(n), 0) AS n, count(*) - count(n) AS n_hidden FROM ({told}) GROUP BY ALL) AS s USING (kind)
        WHERE t.n > s.n AND n_hidden > 0 AND (n_hidden = 1 OR t.n - s.n < {threshold})
        """,
    )
    return by_load + few + hidden + less_others


def _counting() -> list[tuple[str, str]]:
    """SQL conditions on a check that was proved, each with the column in which it counts rows or persons."""
    return [
        (f"check_id IN ({', '.join(map(literal, checks))}) AND status <> 'not_proved'", column)
        for column, checks in COUNTS.items()
    ]


def _hide(con: duckdb.DuckDBPyConnection, schema: str, threshold: int) -> None:
    """Temp tables `figure_kinds`, and `hidden_sizes`: source and kind to empty; a null source is the kind's total."""
    registry = f"(SELECT metric_id, variant, {_KINDS} AS kind FROM {schema}.{REGISTRY} WHERE is_in_force)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE figure_kinds AS SELECT DISTINCT kind FROM {registry}")
    con.execute("CREATE OR REPLACE TEMP TABLE hidden_sizes (source VARCHAR, kind VARCHAR)")
    if not _has(con, schema, LEDGER):
        return
    con.execute(
        f"""
        INSERT INTO hidden_sizes
        WITH sizes AS (
            SELECT source, name AS kind, sum(n) AS n FROM {schema}.{LEDGER}
            WHERE level = 'rows' AND measure = 'current' AND name IN (FROM figure_kinds) GROUP BY ALL HAVING sum(n) > 0
        ),
        metrics AS (
            SELECT c.source, k.kind, c.metric_id, max(greatest(c.n, c.denominator)) AS n,
                bool_or(c.reason IS NOT NULL) AS is_hidden, bool_or(c.reason IS NOT NULL AND c.metric_unit = 'count') AS is_size
            FROM exact_cells AS c JOIN {registry} AS k USING (metric_id, variant)
            WHERE c.is_protected AND c.breakdown = 'source' AND c.period_grain = 'all' GROUP BY ALL
        ),
        figures AS (
            SELECT source, kind, sum(n) AS n, bool_or(is_hidden) AS is_hidden, bool_or(is_size) AS is_size
            FROM metrics GROUP BY ALL
        ),
        judged AS (
            SELECT s.*, s.n < {threshold} OR coalesce(f.is_size, false)
                OR coalesce(f.is_hidden AND s.n - coalesce(f.n, 0) < {threshold}, false) AS tells
            FROM sizes AS s LEFT JOIN figures AS f USING (source, kind)
        ),
        ranked AS (
            SELECT *, bool_or(tells) OVER (PARTITION BY kind) AS any_tells, row_number() OVER line AS place,
                max(n) OVER (line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS largest_before
            FROM judged WINDOW line AS (PARTITION BY kind ORDER BY tells DESC, n, source)
        ),
        emptied AS (
            SELECT * FROM ranked WHERE any_tells AND (tells OR place <= 2 OR largest_before < {threshold})
        )
        SELECT source, kind FROM emptied
        UNION ALL SELECT NULL, kind FROM emptied GROUP BY kind HAVING count(*) < 2 OR max(n) < {threshold}
        """
    )


def _has(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    catalog, _, name = schema.rpartition(".")
    where = f"AND database_name = {literal(catalog)}" if catalog else "AND NOT internal"
    return bool(
        number(
            con,
            f"SELECT count(*) FROM duckdb_tables() WHERE schema_name = {literal(name)} AND table_name = {literal(table)} {where}",
        )
    )
