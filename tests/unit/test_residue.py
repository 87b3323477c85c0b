"""Where identifiers are searched for: what the house notes of its builds is no place for them. Keep out: the checks."""

from pathlib import Path

import duckdb

from orchestration.privacy.residue import BUILT, _Search, identifiers_shown


def test_the_hashes_of_the_last_build_are_nobodys_number_and_a_published_table_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE {BUILT} AS SELECT 'f13912345678a' AS state")
    with duckdb.connect() as con:
        assert identifiers_shown(con, path)[1] == 1  # the control
        found = _Search(con)
        found.look_into("warehouse", path, but=BUILT)
        assert found.told()[1] == 0
