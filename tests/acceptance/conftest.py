"""Fixtures of the acceptance tests: the raw public data, the home that the real job built from it, and its marts.

Keep out: expected values; every test computes its own from the raw file, never by the product's code.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "examples" / "public_data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real public data: VOICEHOUSE_DATA, which must be there, else shared/data beside the repository."""
    named = os.environ.get("VOICEHOUSE_DATA")
    folder = Path(named or ROOT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        if named:
            pytest.fail("VOICEHOUSE_DATA names no folder: without the real public data nothing is accepted")
        pytest.skip("the real public data is not on this machine: set VOICEHOUSE_DATA to its folder")
    return folder


def run_real(home: Path, data: Path) -> None:
    """Run the real job once into an empty home, as `make real` does, in processes of its own."""
    settings = ["--sources", str(SOURCES), "--inbox", str(data), "--profile", "open_data", "--reporting-tz", "UTC"]
    for command in (["init", *settings], ["run"]):
        subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *command],
            cwd=ROOT,
            env={**os.environ, "VOICEHOUSE_HOME": str(home)},
            check=True,
        )


@pytest.fixture(scope="session")
def real_home(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the real job: VOICEHOUSE_REAL_HOME where it stands already, else built now."""
    given = os.environ.get("VOICEHOUSE_REAL_HOME")
    if given:
        return Path(given).resolve()
    home = tmp_path_factory.mktemp("real") / "home"
    run_real(home, data)
    return home


@dataclass(frozen=True)
class Marts:
    """The KPI marts of one file, exact or published."""

    connection: duckdb.DuckDBPyConnection
    catalog: str

    def relation(self, name: str) -> duckdb.DuckDBPyRelation:
        """A mart or model, wherever its schema."""
        found = self.connection.execute(
            "select table_schema from information_schema.tables where table_catalog = ? and table_name = ?",
            [self.catalog, name],
        ).fetchone()
        assert found, f"there is no table {name}"
        return self.connection.table(f"{self.catalog}.{found[0]}.{name}")

    def table(self, mart: str, /, **cell: str) -> pd.DataFrame:
        """The rows of a table whose columns hold what `cell` says."""
        relation = self.relation(mart)
        for column, value in cell.items():
            relation = relation.filter(f"{column} = '{value}'")
        return relation.df()

    def rows(
        self,
        metric: str,
        variant: str,
        *,
        source: str,
        grain: str = "all",
        breakdown: str = "source",
        mart: str = "kpi_values",
    ) -> pd.DataFrame:
        """Rows of one metric, variant, breakdown and grain of a source."""
        wanted = {
            "metric_id": metric,
            "variant": variant,
            "breakdown": breakdown,
            "period_grain": grain,
            "source": source,
        }
        found = self.table(mart, **wanted)
        return found.assign(period_start=pd.to_datetime(found["period_start"]))

    def row(self, metric: str, variant: str, *, year: int | None = None, **cell: str) -> pd.Series:
        """The one row of a cell; for a year, that year's."""
        found = self.rows(metric, variant, grain="all" if year is None else "year", **cell)
        if year is not None:
            found = found[found["period_start"] == pd.Timestamp(year, 1, 1)]
        assert len(found) == 1, f"{metric} {variant} {year or ''}: {len(found)} rows instead of one"
        return found.iloc[0]


@pytest.fixture(scope="session")
def exact_marts(real_home: Path) -> Iterator[Marts]:
    """The marts in the encrypted warehouse, before disclosure control."""
    from orchestration.engine import connect
    from orchestration.home import Home
    from orchestration.privacy.keys import Keyring

    home = Home.open(real_home)
    connection = connect(home.temp)
    key = Keyring(home).hex("warehouse")
    connection.execute(f"attach '{home.warehouse}' as wh (encryption_key '{key}', encryption_cipher 'GCM', read_only)")
    yield Marts(connection, "wh")
    connection.close()


@pytest.fixture(scope="session")
def published_marts(real_home: Path) -> Iterator[Marts]:
    """The marts anybody may open, under profile open_data."""
    connection = duckdb.connect()
    connection.execute(f"attach '{real_home / 'serving' / 'kpi.duckdb'}' as served (read_only)")
    yield Marts(connection, "served")
    connection.close()


@pytest.fixture(params=["exact", "published"])
def marts(request: pytest.FixtureRequest) -> Marts:
    """Each test runs twice: open_data (N = 1) publishes what the warehouse holds."""
    found: Marts = request.getfixturevalue(f"{request.param}_marts")
    return found


@pytest.fixture(scope="session")
def kaplan_meier() -> Callable[[pd.Series, pd.Series, float], float | None]:
    """Kaplan and Meier's quantile by the book: the smallest t with S(t) <= 1 - q, None where S stays above."""

    def quantile(durations: pd.Series, happened: pd.Series, q: float) -> float | None:
        survival = 1.0
        at_risk = len(durations)
        events = (
            pd.DataFrame({"t": durations, "d": happened.astype(int)})
            .groupby("t")["d"]
            .agg(["size", "sum"])
            .sort_index()
        )
        for t, n, d in events.itertuples():
            survival *= 1 - d / at_risk
            if d and survival <= 1 - q + 1e-12:
                return float(t)
            at_risk -= n
        return None

    return quantile
