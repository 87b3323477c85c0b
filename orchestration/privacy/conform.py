"""Conform: pages opened in memory become typed rows of record kinds, by each source's SQL.

Keep out: what may pass (protect.py) and who is who (resolve.py).
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.engine import identifier, literal
from orchestration.errors import ContractError
from orchestration.lake.store import duckdb_type
from orchestration.privacy.normalise import normal_label
from orchestration.privacy.scratch import Scratch
from orchestration.records import KINDS, TYPES, Field, Record
from orchestration.records.contract import person
from orchestration.sources.contract import Page, Settings, Stream

SCALES = Path(__file__).parents[2] / "dbt_project" / "seeds" / "scales.csv"
# What looks like a column's technical name may stand in the ledger; a header may be a row of data, or name persons.
HEADING = re.compile(r"[a-z][a-z_]{0,30}\d{0,3}")
WAITING_BYTES = 32 << 20  # of like pages, before they are written to scratch

MACROS = r"""
CREATE OR REPLACE TEMP MACRO iso_text(t) AS strftime(t, '%Y-%m-%d %H:%M:%S.%f');
CREATE OR REPLACE TEMP MACRO in_our_era(t) AS CASE WHEN t BETWEEN '0001-01-02' AND '9999-12-30' THEN t END;
CREATE OR REPLACE TEMP MACRO parse_time(value, format, zone) AS
    coalesce(iso_text(timezone('UTC', timezone(CASE WHEN list_contains(getvariable('zones'), zone) THEN zone END,
                                               in_our_era(try_strptime(value, format))))),
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
"""
SCALE_SCORE = f"""
CREATE OR REPLACE TEMP MACRO scale_score(value, scale) AS coalesce(
    (SELECT any_value(s.score) FROM _scales s WHERE s.scale_id = scale AND s.label = {normal_label("value")}), value
)
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
    """A load's typed rows: views `conformed_<kind>` of the contract's fields, `_record` and `_row_no` (from 1 on).

    `emitted` and `rejected` count rows by kind; reasons read 'unparsable:field'. `sweeps` are the lists of ids that
    came.
    """

    kinds: list[str]
    streams: dict[str, StreamCount]
    emitted: dict[str, int]
    rejected: dict[str, dict[str, int]]
    sweeps: list[Page] = field(default_factory=list)


def conform(
    con: duckdb.DuckDBPyConnection,
    scratch: Scratch,
    settings: Settings,
    pages: Iterable[Page],
    loaded_at: datetime,
    kinds: Iterable[str] | None = None,
    company_scales: str | None = None,
) -> Conformed:
    """Build `conformed_<kind>` for every kind of the source.

    pages: opened pages of one load, `file` already the keyed file id. loaded_at: naive UTC. company_scales: a select of
    the house's own scale rows, all versions; they go before the shipped ones.
    Raises ContractError when a source's SQL does not fit its contract; values never reach the text.
    """
    _load_scales(con, company_scales)
    # A zone that is none would end the select; IANA names only, as they are written.
    con.execute("SET VARIABLE zones = (SELECT list(name) FROM pg_timezone_names())")
    con.execute(MACROS)
    con.execute(SCALE_SCORE)
    streams, sweeps, stream_of, malformed = _read_streams(con, scratch, settings, pages)
    wanted = [k for k in settings.kinds if kinds is None or k in set(kinds)]
    result = Conformed(wanted, streams, {}, {}, sweeps)
    for name in settings.shared:
        with _contract(settings, name):
            scratch.put(name, _select(settings, name))
    # Per record: 0 gave no row, 1 gave only rows that were rejected, 2 gave a row.
    fate = np.zeros(len(stream_of), dtype=np.uint8)
    for kind in wanted:
        _conform_kind(con, scratch, settings, KINDS[kind], loaded_at, result, fate)
    _count_records(settings, streams, stream_of, fate, malformed)
    return result


def _load_scales(con: duckdb.DuckDBPyConnection, company_scales: str | None) -> None:
    """Temp table `_scales`: scale_id, label as it is compared, score; the newest version of each label."""
    label = f"{normal_label('label')} AS label"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _scales AS SELECT scale_id, {label}, score::VARCHAR AS score "
        f"FROM read_csv({literal(str(SCALES))}, all_varchar=true)"
    )
    if company_scales:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE _own_scales AS SELECT scale_id, {label}, score::VARCHAR AS score "
            f"FROM ({company_scales}) AS told WHERE score IS NOT NULL "
            f"QUALIFY row_number() OVER (PARTITION BY scale_id, {normal_label('told.label')} "
            f"ORDER BY source_version DESC NULLS LAST, updated_at DESC NULLS LAST, loaded_at DESC) = 1"
        )
        con.execute("DELETE FROM _scales s USING _own_scales o WHERE o.scale_id = s.scale_id AND o.label = s.label")
        con.execute("INSERT INTO _scales FROM _own_scales")


class _Streams:
    """Pages on their way to scratch: like pages together, written when there are enough of them for a file."""

    def __init__(self, con: duckdb.DuckDBPyConnection, scratch: Scratch):
        self._con, self._scratch = con, scratch
        self._waiting: dict[tuple[str, tuple[str, ...]], list[pa.Table]] = {}
        self._sizes: dict[tuple[str, tuple[str, ...]], int] = {}
        self.sets: dict[str, dict[tuple[str, ...], str]] = {}

    def add(self, stream: str, table: pa.Table) -> None:
        like = (stream, tuple(table.column_names))
        self._waiting.setdefault(like, []).append(table)
        self._sizes[like] = self._sizes.get(like, 0) + table.nbytes
        if self._sizes[like] >= WAITING_BYTES or sum(self._sizes.values()) >= 4 * WAITING_BYTES:
            self._write(max(self._sizes, key=lambda k: self._sizes[k]))

    def finish(self) -> None:
        for like in list(self._waiting):
            self._write(like)

    def _write(self, like: tuple[str, tuple[str, ...]]) -> None:
        stream, columns = like
        self._con.register("_pages", pa.concat_tables(self._waiting.pop(like)))
        del self._sizes[like]
        own = self.sets.setdefault(stream, {})
        if columns not in own:
            own[columns] = f"{stream}_{len(own)}_pages"
            self._scratch.drop(own[columns])
        values = [_written(c) for c in columns]
        self._scratch.add(own[columns], f"SELECT {', '.join(values)} FROM _pages")
        self._con.unregister("_pages")


def _written(column: str) -> str:
    """A column of a page as it is kept: JSON that does not parse is null, and so is an empty cell.

    The two separators that references are made of (pseudonyms.py) are spaces in it: no value can pass for a hash made
    before, nor for the id of another source.
    """
    name = identifier(column)
    if column in ("_record", "_file", "_row"):
        return name
    if column != "raw":
        return f"nullif(translate({name}, chr(30) || chr(31), '  '), '') AS {name}"
    escaped = f"regexp_replace({name}, '\\\\u001[eEfF]', '\\\\u0020', 'g')"
    return f"try_cast(CASE WHEN contains({name}, '\\u001') THEN {escaped} ELSE {name} END AS JSON) AS {name}"


def _read_streams(
    con: duckdb.DuckDBPyConnection, scratch: Scratch, settings: Settings, pages: Iterable[Page]
) -> tuple[dict[str, StreamCount], list[Page], np.ndarray, dict[str, int]]:
    """One view per stream over its pages, written to scratch as they come; `_record` is unique in the load.

    Returns the counts per stream, the sweep pages (which are no records), the number of each record's stream, and how
    many records of a stream do not parse.
    """
    counts = {name: StreamCount() for name in settings.streams}
    numbers = {name: i for i, name in enumerate(settings.streams)}
    arrived = dict.fromkeys(settings.streams, 0)
    streams = _Streams(con, scratch)
    sweeps: list[Page] = []
    stream_of: list[np.ndarray] = [np.empty(0, dtype=np.uint16)]
    next_record = 0
    for page in pages:
        if page.stream not in counts:
            raise ContractError(
                f"{settings.name}: a page came for a stream that source.toml does not name: {page.stream}"
            )
        if page.is_sweep:
            sweeps.append(page)
            continue
        count = counts[page.stream]
        for reason, n in page.rejected.items():
            count.read += n
            count.reject(reason, n)
        table = _arrow(page)
        n = table.num_rows
        for column, values in (
            ("_record", pa.array(np.arange(next_record, next_record + n))),
            ("_file", pa.repeat(pa.scalar(page.file, pa.string()), n)),
            ("_row", pa.array(np.arange(page.first_row, page.first_row + n))),
        ):
            table = table.append_column(column, values)
        streams.add(page.stream, table)
        stream_of.append(np.full(n, numbers[page.stream], dtype=np.uint16))
        next_record += n
        arrived[page.stream] += n
        count.read += n
    streams.finish()
    malformed = {
        name: _show_stream(con, scratch, stream, streams.sets.get(name, {}), counts[name], arrived[name])
        for name, stream in settings.streams.items()
    }
    return counts, sweeps, np.concatenate(stream_of), malformed


def _show_stream(
    con: duckdb.DuckDBPyConnection,
    scratch: Scratch,
    stream: Stream,
    sets: dict[tuple[str, ...], str],
    count: StreamCount,
    arrived: int,
) -> int:
    """The stream's view: its own columns, those its pages brought besides, and where each record stands.

    Returns how many of its records do not parse.
    """
    base = [("_record", "BIGINT"), ("_file", "VARCHAR"), ("_row", "BIGINT")]
    base += [(c, "JSON" if c == "raw" else "VARCHAR") for c in _base_columns(stream)]
    # Columns that differ from file to file are a set each: read_parquet cannot unite encrypted files by name.
    selects = [f"SELECT {', '.join(f'CAST(NULL AS {t}) AS {identifier(c)}' for c, t in base)} WHERE false"]
    whole = " UNION ALL BY NAME ".join([*selects, *(scratch.relation(s) for s in sets.values())])
    malformed = 0
    if any("raw" in columns for columns in sets):
        malformed = arrived - _scalar(con, f"SELECT count(raw) FROM ({whole})")
        count.reject("malformed_json", malformed)
        if malformed:
            whole = f"SELECT * FROM ({whole}) WHERE raw IS NOT NULL"
    scratch.show(stream.name, whole)
    present = {c for columns in sets for c in columns} - {"_record", "_file", "_row"}
    if present and stream.format in ("csv", "tsv", "parquet") and stream.files:
        for column in stream.columns:
            if column not in present:
                count.unselected[f"missing column {column}"] = arrived
        for column in present - set(stream.columns):
            told = column if HEADING.fullmatch(column) else "a column whose name is not told"
            count.unselected[told] = arrived
    return malformed


def _base_columns(stream: Stream) -> list[str]:
    """Columns a stream's view has whatever its pages bring."""
    if not stream.files or stream.format in ("jsonl", "json_pages"):
        return ["raw"]
    return ["line"] if stream.format == "lines" else list(stream.columns)


def _arrow(page: Page) -> pa.Table:
    """A page's rows: Arrow as it is, JSON as a column `raw` of text."""
    if isinstance(page.content, pa.Table):
        return page.content
    content = page.content
    if not isinstance(content, bytes):
        import orjson

        content = b"\n".join(orjson.dumps(record) for record in content)
    return pa.table({"raw": _split(content)})


def _split(content: bytes) -> pa.Array:
    """The lines of a page that hold anything, without a copy of each."""
    try:
        content.decode()
    except UnicodeDecodeError:
        content = content.decode("utf-8", "replace").encode()
    ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == 10) + 1
    offsets = np.unique(np.concatenate(([0], ends, [len(content)]))).astype(np.int64)
    lines = pa.Array.from_buffers(
        pa.large_string(), len(offsets) - 1, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(content)]
    )
    is_written = pc.not_equal(pc.ascii_trim_whitespace(lines), "")
    return lines if pc.all(is_written).as_py() is not False else lines.filter(is_written)


def _select(settings: Settings, name: str) -> str:
    return settings.sql(name).strip().rstrip(";")


@contextmanager
def _contract(settings: Settings, name: str) -> Iterator[None]:
    """What goes wrong while a source's select runs, as a ContractError; a full disk or memory is no fault of it.

    It holds the engine's words (about names) when the select does not fit, none of them when it failed on data.
    """
    try:
        yield
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        raise ContractError(f"{settings.name}/{name}.sql does not run: {_safe(str(error))}") from None
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as error:
        raise ContractError(
            f"{settings.name}/{name}.sql failed on its input ({type(error).__name__}): use try_cast and the parse_ macros"
        ) from None


def _conform_kind(
    con: duckdb.DuckDBPyConnection,
    scratch: Scratch,
    settings: Settings,
    record: Record,
    loaded_at: datetime,
    result: Conformed,
    fate: np.ndarray,
) -> None:
    """One pass over what the SQL gives: cast, judged, written, with the reason of each row that is refused."""
    kind = record.kind
    select = _select(settings, kind)
    with _contract(settings, kind):
        types = dict(
            con.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ({select}\n))").fetchall()
        )
    outside = set(types) - {f.name for f in record.fields} - {"_record"}
    if outside:
        raise ContractError(f"{settings.name}/{kind}.sql gives columns outside the contract: {sorted(outside)}")
    if "_record" not in types:
        raise ContractError(f"{settings.name}/{kind}.sql must give _record, the number of the record a row came from")
    casts, verdicts = [], []
    for f in record.fields:
        if f.name not in types:
            casts.append(f"CAST(NULL AS {duckdb_type(TYPES[f.type])}) AS {_typed(f)}")
            if f.required:
                verdicts.append(f"WHEN true THEN 'missing:{f.name}'")
            continue
        casts.append(f"{_cast(f, types[f.name])} AS {_typed(f)}")
        verdicts.extend(_verdicts(f))
    if record.event_time in types:
        event = record.field(str(record.event_time))
        limit = f"TIMESTAMP {literal(str(loaded_at))} + INTERVAL 1 DAY"
        verdicts.append(f"WHEN {_typed(event)} > {limit} THEN 'in_future:{event.name}'")
    case = f"CASE {' '.join(verdicts)} END" if verdicts else "CAST(NULL AS VARCHAR)"
    fields = ", ".join(f"{_typed(f)} AS {identifier(f.name)}" for f in record.fields)
    with _contract(settings, kind):
        result.emitted[kind] = scratch.put(
            f"given_{kind}",
            f"SELECT _record, {fields}, {case} AS _reason FROM (SELECT *, {', '.join(casts)} FROM ({select}\n))",
        )
    result.rejected[kind] = dict(
        con.execute(
            f"SELECT _reason, count(*) FROM given_{kind} WHERE _reason IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
    )
    told = f"SELECT _record::BIGINT, _reason IS NULL FROM given_{kind} WHERE _record BETWEEN 0 AND {len(fate) - 1}"
    for batch in con.execute(told).to_arrow_reader(1 << 20):
        records, passed = batch.column(0).to_numpy(), batch.column(1).to_numpy(zero_copy_only=False)
        fate[records] = np.maximum(fate[records], 1)
        fate[records[passed]] = 2
    show_conformed(scratch, record)


def show_conformed(scratch: Scratch, record: Record) -> None:
    """The view `conformed_<kind>` over the rows given: those not refused.

    `_who` is equal where the person's fields are.
    """
    who = ""
    if record.has_person:
        told = ", ".join(f"coalesce({identifier(f.name)}::VARCHAR, chr(30))" for f in person())
        who = f", md5(concat_ws(chr(31), {told}))::UUID AS _who"
    scratch.show(
        f"conformed_{record.kind}",
        f"SELECT * EXCLUDE (_reason){who} FROM ({scratch.relation(f'given_{record.kind}', numbered=True)}) "
        "WHERE _reason IS NULL",
    )


def _typed(f: Field) -> str:
    """Name of a field's value in its type, beside what the SQL gave."""
    return identifier(f"_typed_{f.name}")


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
    """Reasons to reject a row, first match wins."""
    name = _typed(f)
    found = [
        f"WHEN {name} IS NULL AND nullif(trim({identifier(f.name)}::VARCHAR), '') IS NOT NULL THEN 'unparsable:{f.name}'"
    ]
    if f.required:
        found.append(f"WHEN {name} IS NULL THEN 'missing:{f.name}'")
    if f.values:
        found.append(f"WHEN {name} NOT IN ({', '.join(map(literal, f.values))}) THEN 'unknown_value:{f.name}'")
    if f.minimum is not None:
        found.append(f"WHEN {name} < {f.minimum} THEN 'out_of_range:{f.name}'")
    if f.maximum is not None:
        found.append(f"WHEN {name} > {f.maximum} THEN 'out_of_range:{f.name}'")
    if f.type == "timestamp":
        found.append(
            f"WHEN {name} < TIMESTAMP '1900-01-01' OR {name} >= TIMESTAMP '2200-01-01' OR NOT isfinite({name}) "
            f"THEN 'out_of_range:{f.name}'"
        )
    if f.type == "number":
        found.append(f"WHEN NOT isfinite({name}) THEN 'out_of_range:{f.name}'")
    return found


def _count_records(
    settings: Settings,
    streams: dict[str, StreamCount],
    stream_of: np.ndarray,
    fate: np.ndarray,
    malformed: dict[str, int],
) -> None:
    """Every record read gave a row, is reference, or is rejected: nothing else."""
    by_stream = np.bincount(stream_of.astype(np.int64) * 3 + fate, minlength=3 * len(streams)).tolist()
    for i, (name, count) in enumerate(streams.items()):
        unclaimed, only_rejected, count.conformed = by_stream[3 * i : 3 * i + 3]
        unclaimed -= malformed[name]
        count.reject("all_rows_rejected", only_rejected)
        if settings.streams[name].reference:
            count.reference = unclaimed
        else:
            count.reject("unclaimed", unclaimed)


def _scalar(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _safe(message: str) -> str:
    """An engine's message about our own SQL, without literals: names stay, values go."""
    return re.sub(r"'[^']*'", "'…'", message.split("\n")[0])
