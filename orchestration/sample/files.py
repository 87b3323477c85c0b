"""Writing files in the manner of the systems they come from: encodings, archives, saved API pages.

Keep out: what stands in them. Same rows, same bytes: archives carry no time of day.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow.csv as pc

from orchestration.engine import literal
from orchestration.sample.world import World


def jsonl(world: World, path: Path, query: str, *, broken: tuple[str, ...] = ()) -> None:
    """One JSON object a line; `broken` lines are appended as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _note(world, path.parent, path.name, _copy(world, query, path, "format json") + len(broken))
    if broken:
        with path.open("a", encoding="utf-8") as handle:
            handle.writelines(line + "\n" for line in broken)


def csv(
    world: World,
    path: Path,
    query: str,
    *,
    encoding: str = "utf-8",
    delimiter: str = ",",
    packed: str = "",
    extra: tuple[str, ...] = (),
) -> None:
    """A delimited file with a header; packed: '', 'gz' or 'zip'; `extra` lines are appended as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    table = world.con.execute(query).to_arrow_table()
    _note(world, path.parent, path.name, table.num_rows + len(extra))
    pc.write_csv(table, buffer, pc.WriteOptions(delimiter=delimiter, quoting_style="needed"))
    buffer.write("".join(line + "\n" for line in extra).encode())
    content = buffer.getvalue()
    if encoding != "utf-8":
        content = content.decode().encode(encoding)
    if packed == "gz":
        content = gzip.compress(content, mtime=0)
    if packed == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
            member = zipfile.ZipInfo(path.with_suffix(".csv").name, date_time=(2026, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(member, content)
        content = archive.getvalue()
    path.write_bytes(content)


def parquet(world: World, path: Path, query: str) -> None:
    """A Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _note(world, path.parent, path.name, _copy(world, query, path, "format parquet, compression zstd"))


def pages(
    world: World,
    folder: Path,
    stem: str,
    records: str,
    query: str,
    *,
    size: int = 1000,
    about: Mapping[str, object] | None = None,
) -> None:
    """Saved API pages `<stem>_p0001.json`: the records under one key, in the order of the query.

    The query gives one JSON value a row, in column `record`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reader = world.con.execute(
        f"""
        select '[' || string_agg(record::varchar, ',' order by n) || ']' as page, count(*) as n
        from (select record, row_number() over () - 1 as n from ({query}))
        group by n // {size} order by n // {size}
        """
    )
    number = 0
    while row := reader.fetchone():
        number += 1
        _note(world, folder, stem, row[1])
        tail = "".join(f",{json.dumps(k)}:{json.dumps(v)}" for k, v in (about or {}).items())
        (folder / f"{stem}_p{number:04d}.json").write_text(
            f"{{{json.dumps(records)}:{row[0]}{tail}}}\n", encoding="utf-8"
        )


def _copy(world: World, query: str, path: Path, options: str) -> int:
    row = world.con.execute(f"copy ({query}) to {literal(str(path))} ({options})").fetchone()
    return int(row[0]) if row else 0


def _note(world: World, folder: Path, name: str, records: int) -> None:
    world.written[folder.name, name.rpartition("_20")[0]] += records
