"""A backup of the sample company's home restored: every table of warehouse and serving is what it was.

Keep out: what a backup is and opens to (tests/integration/test_backup.py).
"""

from pathlib import Path
from shutil import copytree

import duckdb

from orchestration import backup, pipeline
from orchestration.engine import connect, identifier, literal
from orchestration.home import Home
from orchestration.privacy.keys import Keyring
from tests.sample_company.conftest import SampleRun

SECRET = backup.passphrase("correct horse battery")
ENCRYPTED = {"warehouse": "warehouse.duckdb", "team": "serving/team.duckdb"}  # purpose of the key, file


def digest(con: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int]:
    """Rows of a table, and a hash over them that knows no order."""
    row = con.execute(f"SELECT count(*), coalesce(sum(hash(t)::HUGEINT), 0) FROM {relation} AS t").fetchone()
    assert row is not None
    return row[0], row[1]


def tables(home: Home) -> dict[str, tuple[int, int]]:
    """Every table of the models, and of all that is served."""
    keyring, found = Keyring(home), {}
    con = connect(home.temp)
    try:
        for purpose, path in ENCRYPTED.items():
            key = f"ENCRYPTION_KEY '{keyring.hex(purpose)}', ENCRYPTION_CIPHER 'GCM'"
            con.execute(f"ATTACH {literal(str(home.root / path))} AS {purpose} (READ_ONLY, {key})")
        con.execute(f"ATTACH {literal(str(home.serving / 'kpi.duckdb'))} AS kpi (READ_ONLY)")
        relations = {
            f"{catalog}.{schema}.{name}": f"{catalog}.{identifier(schema)}.{identifier(name)}"
            for catalog, schema, name in con.execute(
                "SELECT database_name, schema_name, table_name FROM duckdb_tables() "
                "WHERE database_name IN ('warehouse', 'team', 'kpi')"
            ).fetchall()
        }
        relations |= {p.name: literal(str(p)) for p in (home.serving / "parquet").iterdir()}
        for name, relation in relations.items():
            found[name] = digest(con, relation)
    finally:
        con.close()
    return found


def test_every_table_of_the_models_and_of_what_is_served_comes_back(run: SampleRun, tmp_path: Path) -> None:
    home = Home.open(copytree(run.home.root, tmp_path / "home"))  # a backup leaves its line in the audit log
    before = tables(home)
    backup.write(home, tmp_path / "made.backup", SECRET)
    backup.restore(tmp_path / "made.backup", tmp_path / "restored", SECRET)
    restored = Home.open(tmp_path / "restored")
    assert tables(restored) == before
    assert pipeline.is_served(restored) == pipeline.is_served(home)
    rows = {name: n for name, (n, _) in before.items()}
    catalogs = {name.split(".")[0] for name in rows if not name.endswith(".parquet")}
    assert catalogs == {"warehouse", "team", "kpi"} and rows["kpi_values.parquet"] == rows["kpi.main.kpi_values"] > 1000
    with duckdb.connect(str(restored.serving / "kpi.duckdb")) as con:
        assert digest(con, "kpi_values") == before["kpi.main.kpi_values"]
        con.execute(
            "UPDATE kpi_values SET value = value + 1 WHERE rowid = (SELECT max(rowid) FROM kpi_values WHERE value > 0)"
        )
        assert digest(con, "kpi_values") != before["kpi.main.kpi_values"]  # the control: one cell
