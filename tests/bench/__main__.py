"""`make bench`: every measure, one table; `--write` puts it into docs/benchmarks.md with machine and date.

Keep out: measuring (a module each).
"""

import datetime
import os
import platform
import subprocess
from pathlib import Path

import click

from tests.bench import gate_measure, pipeline_measure
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
@click.option("--write", is_flag=True, help="Put the table into docs/benchmarks.md.")
def main(sizes: tuple[int, ...], increment_at: int | None, write: bool) -> None:
    """Measure, print one table, and keep it if told."""
    rows: list[Row] = [*gate_measure.measure(), *pipeline_measure.measure(sizes, increment_at or max(sizes))]
    show(rows)
    if write:
        _write(rows, sizes)


def _write(rows: list[Row], sizes: tuple[int, ...]) -> None:
    command = "make bench" + (f' RECORDS="{" ".join(str(s) for s in sizes)}"')
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
