"""What the gate costs beside the least work there is: DuckDB reading the same files and writing them as Parquet.

Keep out: whole runs (pipeline_measure.py) and redaction by itself (redaction_measure.py).
`python -m tests.bench.gate_measure --records 300000` prints the table. CPU seconds (user and system) of this process.
"""

import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from orchestration import pipeline
from orchestration.engine import connect, literal
from orchestration.home import Home, House, now
from orchestration.lake.store import LAKE_KEY
from orchestration.landing.pages import Load, loads, open_load
from orchestration.privacy import pseudonyms
from orchestration.privacy.conform import conform
from orchestration.privacy.keys import Keyring
from orchestration.privacy.scratch import scratch
from orchestration.sources.contract import Settings, Stream, Window
from orchestration.sources.files import detect_encoding
from tests.bench import company
from tests.bench.table import Row, show, spread

GROUP = "gate"
SOURCES = Path(__file__).parents[2] / "orchestration" / "sample" / "sources"
FLOORS = {
    "csv": "SELECT * FROM read_csv({files}, all_varchar = true, union_by_name = true, ignore_errors = true)",
    "tsv": "SELECT * FROM read_csv({files}, delim = '\t', all_varchar = true, union_by_name = true, ignore_errors = true)",
    "jsonl": "SELECT * FROM read_json({files}, format = 'newline_delimited', union_by_name = true, ignore_errors = true)",
    "json_pages": "SELECT unnest({records}) FROM read_json({files}, maximum_object_size = {largest}, union_by_name = true)",
    "parquet": "SELECT * FROM read_parquet({files}, union_by_name = true)",
}


def measure(records: int = 300_000, rounds: int = 3) -> list[Row]:
    """Extraction, the floor, open + conform + write beside it, and the whole gate; on the sample company."""
    with tempfile.TemporaryDirectory() as folder:
        n, _ = company.write(Path(folder) / "company", records)
        inbox = Path(folder) / "company" / "history"
        home = Home.open(Path(folder) / "home")
        home.furnish(House((str(SOURCES),), str(inbox), "Asia/Shanghai", "internal"))
        keyring = Keyring(home)
        sources = {k: s for k, s in pipeline.sources(home).items() if s.folder.parent == SOURCES}
        extraction = _cpu(lambda: [pipeline.extract(home, keyring, s, Window(), "bench") for s in sources.values()])
        taken = [(s, load) for k, s in sources.items() for load in loads(home, k)]
        read: list[int] = []
        floors, ours = [], []
        for _ in range(rounds):
            floors.append(_cpu(lambda: read.append(_floor(home, inbox, sources))))
            ours.append(_cpu(lambda: [_open_conform_write(home, keyring, s, load) for s, load in taken]))
        whole = _cpu(lambda: [pipeline.guard_source(home, keyring, s, "bench") for s in sources.values()])
        audit = _cpu(lambda: pipeline.load_staged(home, keyring))
    # What the floor's reader cannot read (packed files, GB18030, UTF-16) it is credited with at its own speed.
    floor, least = statistics.median(floors) * n / read[0], statistics.median(ours)
    ratio = least / floor
    per_million = 1e6 / n
    return [
        Row(
            GROUP,
            f"floor: DuckDB reads {read[0]:,} of {n:,} records, writes zstd Parquet; for all",
            floor,
            "CPU s",
            spread=spread(floors),
        ),
        Row(GROUP, "open, conform, write encrypted (redaction off)", least, "CPU s", spread=spread(ours)),
        Row(GROUP, "open, conform, write beside the floor", ratio, "x", "≤ 6", ratio <= 6),
        Row(GROUP, "extraction, a million records", extraction * per_million, "CPU s"),
        Row(GROUP, "guard with redaction, a million records", whole * per_million, "CPU s"),
        Row(GROUP, "audit and promotion, a million records (and first use)", audit * per_million, "CPU s"),
        Row(GROUP, "peak memory of this process", _peak(), "MB"),
    ]


def _floor(home: Home, inbox: Path, sources: dict[str, Settings]) -> int:
    """The same files, in one statement a stream, by as many threads; returns the records read."""
    n = 0
    with connect(home.temp, memory_limit="4GB") as con:
        for settings in sources.values():
            for stream in settings.streams.values():
                select = _floor_select(stream, inbox)
                if select:
                    target = home.temp / f"floor-{settings.name}-{stream.name}.parquet"
                    row = con.execute(
                        f"COPY ({select}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
                    ).fetchone()
                    n += int(row[0]) if row else 0
                    target.unlink()
    return n


def _floor_select(stream: Stream, inbox: Path) -> str | None:
    plain = [str(p) for p in sorted(inbox.glob(str(stream.files))) if stream.format == "parquet" or _is_plain(p)]
    if not plain or stream.format not in FLOORS:
        return None
    listed = f"[{', '.join(literal(f) for f in plain)}]"
    largest = max(Path(f).stat().st_size for f in plain) + 1  # DuckDB takes twice that a thread before it reads
    return FLOORS[stream.format].format(files=listed, records=stream.records, largest=largest)


def _is_plain(path: Path) -> bool:
    with path.open("rb") as handle:
        head = handle.read(1 << 16)
    return head[:2] not in (b"\x1f\x8b", b"PK") and detect_encoding(head) in ("utf-8", "utf-8-sig")


def _open_conform_write(home: Home, keyring: Keyring, settings: Settings, load: Load) -> None:
    """Sealed pages to encrypted Parquet of each kind, without subjects and redaction."""
    with connect(home.temp) as con, scratch(con, home.temp) as rows:
        pseudonyms.install(con, keyring)
        con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{keyring.base64(LAKE_KEY)}')")
        result = conform(con, rows, settings, open_load(home, keyring, load), now().replace(tzinfo=None))
        for kind in result.kinds:
            target = home.temp / f"{settings.name}-{kind}.parquet"
            con.execute(
                f"COPY (SELECT * FROM conformed_{kind}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd, "
                f"ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})"
            )
            target.unlink()


def _cpu(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command()
@click.option("--records", default=300_000, show_default=True, help="How many records of the sample company.")
@click.option("--rounds", default=3, show_default=True, help="How often the compared figures are taken.")
def main(records: int, rounds: int) -> None:
    """Print what the gate costs."""
    show(measure(records, rounds))


if __name__ == "__main__":
    main()
