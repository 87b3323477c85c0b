"""Sweeps: a complete list of ids tells which records are gone at a source that sends no tombstones.

Keep out: asking the source for the list (its extract.py).
"""

from datetime import datetime

import duckdb
import pyarrow as pa

from orchestration.engine import identifier, literal
from orchestration.errors import ContractError
from orchestration.lake.store import LAKE_KEY, Lake, duckdb_type
from orchestration.privacy.conform import Conformed, show_conformed
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.scratch import Scratch
from orchestration.records import KINDS, TYPES
from orchestration.sources.contract import Page, Settings

GREATEST_SHARE = 0.2  # more records vanishing at once is taken for a fault of the list
SMALL = 20  # … unless they are this few


def derive_deletions(
    con: duckdb.DuckDBPyConnection,
    scratch: Scratch,
    settings: Settings,
    lake: Lake,
    loaded_at: datetime,
    load_id: str,
    result: Conformed,
) -> None:
    """Add a row to `conformed_deletion` for each record of the lake that a sweep no longer names.

    A sweep page holds records `{"id": …}` of a stream with `sweep_kind` and `sweep_field`. Its records count as
    reference. A page with `rejected` marks a truncated sweep: it proves nothing and is refused, as is one after which
    more than a fifth of the records would vanish.
    """
    for stream in {p.stream: settings.streams[p.stream] for p in result.sweeps}.values():
        own = [p for p in result.sweeps if p.stream == stream.name]
        count = result.streams[stream.name]
        ids = _ids(con, own)
        count.read += ids.num_rows
        count.reference += ids.num_rows
        if any(p.rejected for p in own):
            count.unselected["sweep refused: truncated"] = ids.num_rows
            continue
        if stream.sweep_kind not in KINDS or not stream.sweep_field:
            raise ContractError(f"{settings.name}: stream '{stream.name}' needs sweep_kind and sweep_field")
        record = KINDS[stream.sweep_kind]
        swept = record.field(stream.sweep_field)
        key = record.protected_key[0]
        con.register("_ids", ids)
        con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{lake.key}')")
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _lake_keys AS
            SELECT {identifier(key)} AS own_key, any_value({identifier(str(swept.protected_name))}) AS swept_key,
                   max(loaded_at) AS loaded_at
            FROM ({lake.relation_sql(record.kind)}) WHERE source = {literal(settings.name)} GROUP BY 1;
            CREATE OR REPLACE TEMP TABLE _vanished AS
            SELECT own_key FROM _lake_keys k
            WHERE swept_key NOT IN (SELECT hmac_record_key({scoped("id", settings.name, str(swept.domain))}) FROM _ids)
              AND NOT EXISTS (SELECT 1 FROM ({lake.relation_sql("deletion")}) d
                              WHERE d.deleted_key = k.own_key AND d.loaded_at >= k.loaded_at)
            """
        )
        row = con.execute("SELECT (SELECT count(*) FROM _vanished), (SELECT count(*) FROM _lake_keys)").fetchone()
        gone, held = row if row else (0, 0)
        con.unregister("_ids")
        if gone > SMALL and gone > GREATEST_SHARE * held:
            count.unselected["sweep refused: too many vanish"] = gone
            continue
        if gone:
            _append(scratch, settings, record.kind, loaded_at, load_id, result, gone)


def _ids(con: duckdb.DuckDBPyConnection, pages: list[Page]) -> pa.Table:
    tables = []
    for page in pages:
        if isinstance(page.content, pa.Table):
            tables.append(page.content.select(["id"]))
            continue
        lines = page.content.decode().split("\n") if isinstance(page.content, bytes) else []
        raw = pa.table({"raw": pa.array([line for line in lines if line], pa.string())})
        con.register("_raw_ids", raw)
        tables.append(con.execute("SELECT raw->>'$.id' AS id FROM _raw_ids").to_arrow_table())
        con.unregister("_raw_ids")
    return pa.concat_tables([pa.table({"id": pa.array([], pa.string())}), *tables])


def _append(
    scratch: Scratch,
    settings: Settings,
    kind: str,
    loaded_at: datetime,
    load_id: str,
    result: Conformed,
    gone: int,
) -> None:
    record = KINDS["deletion"]
    if "deletion" not in result.kinds:
        result.kinds.append("deletion")
        result.emitted["deletion"], result.rejected["deletion"] = 0, {}
    columns = ", ".join(f"CAST(NULL AS {duckdb_type(TYPES[f.type])}) AS {identifier(f.name)}" for f in record.fields)
    scratch.add(
        "given_deletion",
        f"""
        SELECT CAST(NULL AS BIGINT) AS _record, {columns}, CAST(NULL AS VARCHAR) AS _reason WHERE false
        UNION ALL BY NAME
        SELECT 'sweep:' || {literal(load_id)} || ':' || own_key AS deletion_id, {literal(kind)} AS deleted_kind,
               chr(30) || own_key AS deleted_id, TIMESTAMP {literal(str(loaded_at))} AS deleted_at, 'sweep' AS reason
        FROM _vanished ORDER BY deletion_id
        """,
    )
    show_conformed(scratch, record)
    result.emitted["deletion"] += gone
