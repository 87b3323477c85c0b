"""What encryption of the lake costs: the same rows written and read as plain and as encrypted Parquet, in one run.

Keep out: the pipeline. Run: python -m tests.bench.encryption_measure [rows]
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from orchestration.engine import connect, literal

ROUNDS = 5


def main(rows: int) -> None:
    """Print medians of seconds of CPU and the ratios encrypted : plain."""
    with tempfile.TemporaryDirectory() as folder:
        con = connect(Path(folder) / "tmp")
        con.execute("PRAGMA add_parquet_key('lake', '0123456789abcdef0123456789abcdef')")
        con.execute(
            f"CREATE TABLE rows AS SELECT i AS id, sha256(i::VARCHAR) AS key, i % 7 AS score, "
            f"'the queue was long on day ' || (i % 366) AS text, TIMESTAMP '2025-01-01' + i * INTERVAL 1 SECOND AS opened_at "
            f"FROM range({rows}) t(i)"
        )
        seconds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for form, options, reading in (
                ("plain", "", ""),
                ("encrypted", ", ENCRYPTION_CONFIG {footer_key: 'lake'}", ", encryption_config={footer_key: 'lake'}"),
            ):
                path = literal(str(Path(folder) / f"{form}.parquet"))
                for what, sql in (
                    ("write", f"COPY rows TO {path} (FORMAT parquet, COMPRESSION zstd{options})"),
                    (
                        "read",
                        f"SELECT sum(score), max(key), count(DISTINCT text), max(opened_at) FROM read_parquet([{path}]{reading})",
                    ),
                ):
                    started = time.process_time()
                    con.execute(sql).fetchall()
                    seconds.setdefault(f"{what} {form}", []).append(time.process_time() - started)
        middle = {name: median(values) for name, values in seconds.items()}
        for name, value in sorted(middle.items()):
            print(f"{name:18} {value:6.2f} s of CPU, median of {ROUNDS}")
        for what in ("write", "read"):
            print(f"{what} encrypted : plain = {middle[f'{what} encrypted'] / middle[f'{what} plain']:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
