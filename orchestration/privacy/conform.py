"""Conform: pages opened in memory become typed rows of record kinds, by each source's SQL.

Keep out: what may pass (protect.py) and who is who (resolve.py).
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.engine import identifier, literal
from orchestration.errors import ContractError
from orchestration.lake.store import duckdb_type
from orchestration.records import KINDS, TYPES, Field, Record
from orchestration.sources.contract import Page, Settings, Stream

SCALES = Path(__file__).parents[2] / "dbt_project" / "seeds" / "scales.csv"
SEPARATOR = "\x1f"
# What looks like a heading may stand in the ledger; a header may be a row of data, or name persons.
HEADING = re.compile(r"[A-Za-z][A-Za-z_ ]{0,30}\d{0,3}")

MACROS = r"""
CREATE OR REPLACE TEMP MACRO iso_text(t) AS strftime(t, '%Y-%m-%d %H:%M:%S.%f');
CREATE OR REPLACE TEMP MACRO in_our_era(t) AS CASE WHEN t BETWEEN '0001-01-02' AND '9999-12-30' THEN t END;
CREATE OR REPLACE TEMP MACRO parse_time(value, format, zone) AS
    coalesce(iso_text(timezone('UTC', timezone(zone, in_our_era(try_strptime(value, format))))),
             CASE WHEN try_cast(value AS TIMESTAMP) IS NULL THEN value ELSE value || ' is not ' || format END);
CREATE OR REPLACE TEMP MACRO from_micros(n) AS
    iso_text(make_timestamp(CASE WHEN n BETWEEN -62135510400000000 AND 253402128000000000 THEN n END));
CREATE OR REPLACE TEMP MACRO parse_epoch_ms(value) AS
    coalesce(from_micros(try_cast(try_cast(value AS DOUBLE) * 1000 AS BIGINT)), value::VARCHAR);
CREATE OR REPLACE TEMP MACRO parse_epoch_s(value) AS
    coalesce(from_micros(try_cast(try_cast(value AS DOUBLE) * 1000000 AS BIGINT)), value::VARCHAR);
CREATE OR REPLACE TEMP MACRO parse_iso(value) AS
    coalesce(iso_text(timezone('UTC', in_our_era(try_cast(value AS TIMESTAMPTZ)))), value);
CREATE OR REPLACE TEMP MACRO record_ref(source, kind, id) AS
    chr(31) || source || chr(31) || kind || chr(31) || id;
CREATE OR REPLACE TEMP MACRO account_ref(source, id) AS
    chr(31) || source || chr(31) || 'person.account' || chr(31) || id;
CREATE OR REPLACE TEMP MACRO scale_score(value, scale) AS
    coalesce((SELECT any_value(s.score) FROM _scales s WHERE s.scale_id = scale AND s.label = trim(value)), value);
"""


@dataclass
class StreamCount:
    """What became of one stream's records."""

    read: int = 0
    conformed: int = 0
    reference: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    unselected: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str, n: int) -> None:
        if n:
            self.rejected[reason] = self.rejected.get(reason, 0) + n


@dataclass
class Conformed:
    """A load's typed rows: temp tables `conformed_<kind>` on the connection (contract fields and `_record`).

    `emitted` and `rejected` count rows by kind; reasons read 'unparsable:field'. `sweeps` are the lists of ids that came.
    """

    kinds: list[str]
    streams: dict[str, StreamCount]
    emitted: dict[str, int]
    rejected: dict[str, dict[str, int]]
    sweeps: list[Page] = field(default_factory=list)


def conform(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    pages: Iterable[Page],
    loaded_at: datetime,
    kinds: Iterable[str] | None = None,
    extra_scales: Iterable[dict[str, str]] = (),
) -> Conformed:
    """Build `conformed_<kind>` for every kind of the source.

    pages: opened pages of one load, `file` already the keyed file id. loaded_at: naive UTC.
    Raises ContractError when a source's SQL does not fit its contract; values never reach the text.
    """
    _load_scales(con, extra_scales)
    con.execute(MACROS)
    streams, sweeps = _views(con, settings, pages)
    wanted = [k for k in settings.kinds if kinds is None or k in set(kinds)]
    result = Conformed(wanted, streams, {}, {}, sweeps)
    con.execute("CREATE OR REPLACE TEMP TABLE _claimed (_record BIGINT, is_rejected BOOLEAN)")
    for name in settings.shared:
        _run(con, settings, name, name)
    for kind in wanted:
        _conform_kind(con, settings, KINDS[kind], loaded_at, result)
    _count_records(con, settings, streams)
    return result


def _load_scales(con: duckdb.DuckDBPyConnection, extra: Iterable[dict[str, str]]) -> None:
    rows = list(csv.DictReader(SCALES.open(encoding="utf-8"))) if SCALES.exists() else []
    merged = {(r["scale_id"], r["label"]): r["score"] for r in [*rows, *extra]}
    table = pa.table(
        {
            "scale_id": pa.array([k[0] for k in merged], pa.string()),
            "label": pa.array([k[1] for k in merged], pa.string()),
            "score": pa.array(list(merged.values()), pa.string()),
        }
    )
    con.register("_scales_arrow", table)
    con.execute("CREATE OR REPLACE TEMP TABLE _scales AS SELECT * FROM _scales_arrow")
    con.unregister("_scales_arrow")


def _views(
    con: duckdb.DuckDBPyConnection, settings: Settings, pages: Iterable[Page]
) -> tuple[dict[str, StreamCount], list[Page]]:
    """One table per stream, filled page by page (tables spill, pages do not stay); `_record` is unique in the load.

    Returns the counts per stream, and the sweep pages, which are no records.
    """
    counts = {name: StreamCount() for name in settings.streams}
    columns = {name: _base_columns(stream) for name, stream in settings.streams.items()}
    present: dict[str, set[str]] = {name: set() for name in settings.streams}
    for name, base in columns.items():
        shape = ", ".join(f"{identifier(c)} {'JSON' if c == 'raw' else 'VARCHAR'}" for c in base)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {identifier(name)} "
            f"(_record BIGINT, _file VARCHAR, _row BIGINT{', ' + shape if shape else ''})"
        )
    sweeps: list[Page] = []
    next_record = 0
    for page in pages:
        if page.stream not in counts:
            raise ContractError(
                f"{settings.name}: a page came for a stream that source.toml does not name: {page.stream}"
            )
        if page.is_sweep:
            sweeps.append(page)
            continue
        count, base = counts[page.stream], columns[page.stream]
        for reason, n in page.rejected.items():
            count.read += n
            count.reject(reason, n)
        table = _arrow(page)
        n = table.num_rows
        present[page.stream].update(table.column_names)
        for column in (c for c in table.column_names if c not in base):
            con.execute(f"ALTER TABLE {identifier(page.stream)} ADD COLUMN {identifier(column)} VARCHAR")
            base.append(column)
        values = [
            "CASE WHEN json_valid(raw) THEN raw::JSON END AS raw"
            if c == "raw"
            else f"nullif({identifier(c)}, '') AS {identifier(c)}"
            for c in table.column_names
        ]
        table = table.append_column("_record", pa.array(range(next_record, next_record + n), pa.int64()))
        table = table.append_column("_row", pa.array(range(page.first_row, page.first_row + n), pa.int64()))
        con.register("_page", table)
        con.execute(
            f"INSERT INTO {identifier(page.stream)} BY NAME SELECT _record, {literal(page.file)} AS _file, _row, {', '.join(values)} "
            f"FROM _page{' WHERE json_valid(raw)' if 'raw' in table.column_names else ''}"
        )
        con.unregister("_page")
        next_record += n
        count.read += n
    con.execute("CREATE OR REPLACE TEMP TABLE _records (_record BIGINT, stream VARCHAR)")
    for name, stream in settings.streams.items():
        count = counts[name]
        con.execute(f"INSERT INTO _records SELECT _record, {literal(name)} FROM {identifier(name)}")
        kept = _scalar(con, f"SELECT count(*) FROM {identifier(name)}")
        arrived = count.read - sum(count.rejected.values())
        count.reject("malformed_json", arrived - kept)
        if present[name] and stream.format in ("csv", "tsv", "parquet") and stream.files:
            for column in stream.columns:
                if column not in present[name]:
                    count.unselected[f"missing column {column}"] = kept
            for column in present[name] - set(stream.columns):
                told = column if HEADING.fullmatch(column) else "a column whose name is not told"
                count.unselected[told] = kept
    return counts, sweeps


def _base_columns(stream: Stream) -> list[str]:
    """Columns a stream's table has before any page came."""
    if not stream.files or stream.format in ("jsonl", "json_pages"):
        return ["raw"]
    return ["line"] if stream.format == "lines" else list(stream.columns)


def _arrow(page: Page) -> pa.Table:
    """A page's rows: Arrow as it is, JSON as a column `raw` of text."""
    if isinstance(page.content, pa.Table):
        return page.content
    if isinstance(page.content, bytes):
        lines = [line for line in page.content.decode("utf-8", "replace").split("\n") if line.strip()]
    else:
        import orjson

        lines = [orjson.dumps(record).decode() for record in page.content]
    return pa.table({"raw": pa.array(lines, pa.string())})


def _run(con: duckdb.DuckDBPyConnection, settings: Settings, name: str, table: str) -> None:
    """A source's select as a temp table.

    Raises ContractError: with the engine's words (about names) when the select does not fit, without them on data.
    """
    try:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(table)} AS {settings.sql(name).strip().rstrip(';')}")
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        raise ContractError(f"{settings.name}/{name}.sql does not run: {_safe(str(error))}") from None
    except duckdb.Error as error:
        raise ContractError(
            f"{settings.name}/{name}.sql failed on its input ({type(error).__name__}): use try_cast and the parse_ macros"
        ) from None


def _conform_kind(
    con: duckdb.DuckDBPyConnection, settings: Settings, record: Record, loaded_at: datetime, result: Conformed
) -> None:
    kind = record.kind
    _run(con, settings, kind, "_raw")
    types = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE _raw)").fetchall())
    outside = set(types) - {f.name for f in record.fields} - {"_record"}
    if outside:
        raise ContractError(f"{settings.name}/{kind}.sql gives columns outside the contract: {sorted(outside)}")
    if "_record" not in types:
        raise ContractError(f"{settings.name}/{kind}.sql must give _record, the number of the record a row came from")
    casts, verdicts = [], []
    for f in record.fields:
        if f.name not in types:
            casts.append(f"CAST(NULL AS {duckdb_type(TYPES[f.type])}) AS {identifier(f.name)}")
            if f.required:
                verdicts.append(f"WHEN true THEN 'missing:{f.name}'")
            continue
        casts.append(f"{_cast(f, types[f.name])} AS {identifier(f.name)}")
        verdicts.extend(_verdicts(f))
    if record.event_time in types:
        event = record.field(str(record.event_time))
        limit = f"TIMESTAMP {literal(str(loaded_at))} + INTERVAL 1 DAY"
        verdicts.append(f"WHEN t.{identifier(event.name)} > {limit} THEN 'in_future:{event.name}'")
    case = f"CASE {' '.join(verdicts)} END" if verdicts else "CAST(NULL AS VARCHAR)"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _checked AS SELECT t.*, {case} AS _reason "
        f"FROM (SELECT _record, {', '.join(casts)}, rowid AS _rid FROM _raw) t JOIN _raw r ON r.rowid = t._rid"
    )
    con.execute("INSERT INTO _claimed SELECT _record, _reason IS NOT NULL FROM _checked")
    result.emitted[kind] = _scalar(con, "SELECT count(*) FROM _checked")
    result.rejected[kind] = dict(
        con.execute("SELECT _reason, count(*) FROM _checked WHERE _reason IS NOT NULL GROUP BY 1 ORDER BY 1").fetchall()
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE conformed_{kind} AS "
        "SELECT * EXCLUDE (_reason, _rid), row_number() OVER (ORDER BY _rid) AS _row_no FROM _checked WHERE _reason IS NULL"
    )
    con.execute("DROP TABLE _checked; DROP TABLE _raw")


def _cast(f: Field, given: str) -> str:
    name = identifier(f.name)
    if f.type == "string":
        return f"nullif(trim({name}::VARCHAR), '')"
    if f.type == "strings":
        return name if given.endswith("[]") else f"string_split(nullif(trim({name}::VARCHAR), ''), ';')"
    if given == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {name})"
    return f"try_cast({_present(f, given)} AS {duckdb_type(TYPES[f.type])})"


def _present(f: Field, given: str) -> str:
    name = identifier(f.name)
    return f"nullif(trim({name}), '')" if given == "VARCHAR" else name


def _verdicts(f: Field) -> list[str]:
    """Reasons to reject a row, first match wins; `r` is what the SQL gave, `t` what it became."""
    name = identifier(f.name)
    found = [f"WHEN nullif(trim(r.{name}::VARCHAR), '') IS NOT NULL AND t.{name} IS NULL THEN 'unparsable:{f.name}'"]
    if f.required:
        found.append(f"WHEN t.{name} IS NULL THEN 'missing:{f.name}'")
    if f.values:
        found.append(f"WHEN t.{name} NOT IN ({', '.join(map(literal, f.values))}) THEN 'unknown_value:{f.name}'")
    if f.minimum is not None:
        found.append(f"WHEN t.{name} < {f.minimum} THEN 'out_of_range:{f.name}'")
    if f.maximum is not None:
        found.append(f"WHEN t.{name} > {f.maximum} THEN 'out_of_range:{f.name}'")
    if f.type == "timestamp":
        found.append(
            f"WHEN t.{name} < TIMESTAMP '1900-01-01' OR t.{name} >= TIMESTAMP '2200-01-01' OR NOT isfinite(t.{name}) "
            f"THEN 'out_of_range:{f.name}'"
        )
    if f.type == "number":
        found.append(f"WHEN NOT isfinite(t.{name}) THEN 'out_of_range:{f.name}'")
    return found


def _count_records(con: duckdb.DuckDBPyConnection, settings: Settings, streams: dict[str, StreamCount]) -> None:
    """Every record read gave a row, is reference, or is rejected: nothing else."""
    rows = con.execute(
        "SELECT r.stream, count(*) FILTER (c.n > 0), count(*) FILTER (c.n = 0), count(*) FILTER (c.n IS NULL) "
        "FROM _records r LEFT JOIN (SELECT _record, count(*) FILTER (NOT is_rejected) AS n FROM _claimed GROUP BY 1) c "
        "USING (_record) GROUP BY 1"
    ).fetchall()
    for stream, conformed, only_rejected, unclaimed in rows:
        count = streams[stream]
        count.conformed = conformed
        count.reject("all_rows_rejected", only_rejected)
        if settings.streams[stream].reference:
            count.reference = unclaimed
        else:
            count.reject("unclaimed", unclaimed)


def _scalar(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _safe(message: str) -> str:
    """An engine's message about our own SQL, without literals: names stay, values go."""
    return re.sub(r"'[^']*'", "'…'", message.split("\n")[0])
