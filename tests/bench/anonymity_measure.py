"""k, l and t in SQL beside pycanon, same table, by turns: python -m tests.bench.anonymity_measure PYTHON [--rows N].

Keep out: whether they are right on odd tables (tests/properties/test_anonymity_properties.py). PYTHON: an interpreter with
pycanon, which needs pandas below 3 and other fixed versions, so that it stands in no environment of this project.
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
from orchestration.privacy.anonymity import measure

ROUNDS = 3
QUASI = ("age_band", "gender", "region", "segment")
TABLE = """
SELECT i AS subject, 'a' || (hash(i || 'a') % 6) AS age_band, 'g' || (hash(i || 'g') % 2) AS gender, 'r' || (hash(i || 'r') % 8) AS region,
    's' || (hash(i || 's') % 4) AS segment, (hash(i || 'v') % 11)::BIGINT AS score
FROM range({rows}) t(i)
"""


@click.command()
@click.argument("python", type=click.Path(exists=True, dir_okay=False))
@click.option("--rows", default=100_000, show_default=True)
def main(python: str, rows: int) -> None:
    """Print the CPU seconds of both, the ratio, and that they agree."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        path = Path(folder) / "table.csv"
        con.execute(f"CREATE TABLE t AS {TABLE.format(rows=rows)}")
        con.execute(f"COPY t TO {literal(str(path))} (HEADER)")
        asked = json.dumps({"path": str(path), "quasi": QUASI, "sensitive": "score"})
        ours, theirs = [], []
        for _ in range(ROUNDS):
            started = time.process_time()
            found = measure(con, "t", "subject", QUASI, "score")
            ours.append(time.process_time() - started)
            program = str(Path(__file__).with_name("pycanon_run.py"))
            done = subprocess.run([python, program], input=asked, capture_output=True, text=True, check=True)
            told = json.loads(done.stdout.splitlines()[-1])
            theirs.append(told["seconds"])
        if (found.k_persons, found.l_values) != (told["k"], told["l"]) or abs(found.t_distance - told["t"]) > 1e-9:
            raise click.ClickException(f"they disagree: {found}, {told}")
    sql, pycanon = median(ours), median(theirs)
    click.echo(
        f"{rows:,} rows, {found.classes} classes, k {found.k_persons}, l {found.l_values}, t {found.t_distance:.4f}"
    )
    click.echo(
        f"SQL {sql:.3f} s, pycanon {pycanon:.2f} s of CPU: {pycanon / sql:,.0f}x (medians of {ROUNDS}, by turns)"
    )


if __name__ == "__main__":
    main()
