"""k, l and t in SQL beside pycanon, same table, by turns: python -m tests.bench.anonymity_measure PYTHON [--rows N].

Keep out: whether they are right on odd tables (tests/properties/test_anonymity_properties.py). PYTHON: an interpreter
with pycanon, which needs pandas below 3 and other fixed versions: that of the bench environment
(requirements-bench.lock).
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import click
import duckdb

from orchestration.engine import literal
from orchestration.privacy import anonymity
from tests.bench.table import Row, show, spread

ROUNDS = 3
QUASI = ("age_band", "gender", "region", "segment")
TABLE = """
SELECT i AS subject, 'a' || (hash(i || 'a') % 6) AS age_band, 'g' || (hash(i || 'g') % 2) AS gender, 'r' || (hash(i || 'r') % 8) AS region,
    's' || (hash(i || 's') % 4) AS segment, (hash(i || 'v') % 11)::BIGINT AS score
FROM range({rows}) t(i)
"""
PROGRAM = Path(__file__).with_name("pycanon_run.py")


def measure(python: Path | None, rows: int = 100_000) -> list[Row]:
    """CPU seconds of both, and how many times as fast SQL is; without pycanon (none is for Python 3.13) a row says so.

    Raises ValueError when they disagree.
    """
    is_there = (
        python is not None and not subprocess.run([python, "-c", "import pycanon"], capture_output=True).returncode
    )
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        path = Path(folder) / "table.csv"
        con.execute(f"CREATE TABLE t AS {TABLE.format(rows=rows)}")
        con.execute(f"COPY t TO {literal(str(path))} (HEADER)")
        asked = json.dumps({"path": str(path), "quasi": QUASI, "sensitive": "score"})
        for _ in range(ROUNDS):
            started = time.process_time()
            found = anonymity.measure(con, "t", "subject", QUASI, "score")
            ours.append(time.process_time() - started)
            if python and is_there:
                done = subprocess.run([python, PROGRAM], input=asked, capture_output=True, text=True, check=True)
                told = json.loads(done.stdout.splitlines()[-1])
                theirs.append(told["seconds"])
                if (found.k_persons, found.l_values) != (told["k"], told["l"]) or abs(
                    found.t_distance - told["t"]
                ) > 1e-9:
                    raise ValueError(f"SQL and pycanon disagree: {found}, {told}")
    group = f"k, l, t of {rows:,} rows in {found.classes} classes"
    sql = Row(group, "in SQL", median(ours), "CPU s", spread=spread(ours))
    if not theirs:
        return [
            sql,
            Row(group, "pycanon", None, "CPU s", spread="left out" if python is None else "not in that environment"),
        ]
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return [
        sql,
        Row(
            group,
            "pycanon, the same answers",
            median(theirs),
            "CPU s",
            spread=spread(theirs),
        ),
        Row(
            group,
            "SQL beside pycanon",
            median(theirs) / median(ours),
            "x",
            spread=spread(ratios),
        ),
    ]


@click.command()
@click.argument("python", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rows", default=100_000, show_default=True)
def main(python: Path, rows: int) -> None:
    """Print the CPU seconds of both and the ratio; fails when they disagree."""
    show(measure(python, rows))


if __name__ == "__main__":
    main()
