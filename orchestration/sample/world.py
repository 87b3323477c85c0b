"""The model of the sample company while it is made: DuckDB tables, and random numbers by name.

Keep out: what the tables mean. One seed and one name give one stream of numbers, so that adding a table changes no
other.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from zlib import crc32

import duckdb
import numpy as np
import pandas as pd

from orchestration.engine import literal


@dataclass
class World:
    """Tables of one run, in memory."""

    seed: int
    con: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    written: Counter[tuple[str, str]] = field(default_factory=Counter)  # records written by source and stream

    def __post_init__(self) -> None:
        self.con.execute("SET TimeZone = 'UTC'")

    def rng(self, name: str) -> np.random.Generator:
        """The stream of random numbers of this name."""
        return np.random.default_rng([self.seed, crc32(name.encode())])

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a frame as a table."""
        self.con.register("_frame", frame)
        self.con.execute(f"create table {name} as from _frame")
        self.con.unregister("_frame")

    def sql(self, statement: str) -> None:
        self.con.execute(statement)

    def frame(self, query: str) -> pd.DataFrame:
        """A query's result; `query` may be a table's name."""
        return self.con.execute(query if " " in query.strip() else f"from {query}").df()

    def count(self, table: str) -> int:
        row = self.con.execute(f"select count(*) from {table}").fetchone()
        return int(row[0]) if row else 0


def quoted(words: Iterable[str]) -> str:
    """Words as a SQL list."""
    return "[" + ", ".join(literal(w) for w in words) + "]"
