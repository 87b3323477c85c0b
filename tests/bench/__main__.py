"""`make bench`: every measure, one table; `--write` puts it into docs/benchmarks.md with machine and date.

Keep out: measuring (a module each).
"""

import datetime
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click

from tests.bench import anonymity_measure, bench_redaction, gate_measure, pipeline_measure, redaction_speed
from tests.bench.table import Row, markdown, show

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin of the table, written by make bench -->\n", "<!-- end of the table -->\n"


@click.command()
@click.option(
    "--records",
    "sizes",
    multiple=True,
    type=int,
    default=(100_000, 1_000_000),
    show_default=True,
    help="Size of a whole run; may be repeated, smallest first.",
)
@click.option("--increment-at", type=int, help="The size that gets the increment; default: the biggest.")
@click.option(
    "--beside",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python of an environment with Presidio and pycanon (requirements-bench.lock); without it they are left out.",
)
@click.option(
    "--public",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of labelled public sentences (presidio-research, *.json.gz): redaction is measured on them too.",
)
@click.option("--rounds", default=1, show_default=True, help="Whole runs of up to a million records, how often each.")
@click.option("--write", is_flag=True, help="Put the table into docs/benchmarks.md.")
def main(
    sizes: tuple[int, ...],
    increment_at: int | None,
    beside: Path | None,
    public: Path | None,
    rounds: int,
    write: bool,
) -> None:
    """Measure, print one table, and keep it if told. Each part is shown when it is done: the whole takes hours."""
    rows: list[Row] = []
    for part in _parts(sizes, increment_at, beside, public, rounds):
        show(part)
        rows += part
    show(rows)
    if write:
        given = f" ROUNDS={rounds}" if rounds > 1 else ""
        given += f" INCREMENT_AT={increment_at}" if increment_at else ""
        _write(rows, sizes, given + (" PUBLIC=folder" if public else "") + ("" if beside else " BESIDE="))


def _parts(
    sizes: tuple[int, ...], increment_at: int | None, beside: Path | None, public: Path | None, rounds: int
) -> Iterator[list[Row]]:
    texts = {name: [s.text for s in chosen] for name, chosen in bench_redaction.timed(public).items()}
    yield redaction_speed.measure(texts, beside)
    yield anonymity_measure.measure(beside)
    yield gate_measure.measure()
    yield from pipeline_measure.measured(sizes, increment_at or max(sizes), rounds)


def _write(rows: list[Row], sizes: tuple[int, ...], given: str) -> None:
    command = f'make bench RECORDS="{" ".join(str(s) for s in sizes)}"{given}'
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    about = (
        f"`{command}` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}, commit {commit.strip() or 'unknown'}.\n\n"
    )
    head, _, rest = PAGE.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    PAGE.write_text(head + BEGIN + about + markdown(rows) + END + tail)


if __name__ == "__main__":
    main()
