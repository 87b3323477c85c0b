"""Where identifiers are searched for: what the house notes of its builds is no place for them. Keep out: the checks."""

from pathlib import Path

import duckdb
import pytest

from orchestration.messages import translated
from orchestration.privacy.residue import BUILT, _Search, identifiers_shown
from tests.bench.redaction_measure import redacted


def test_the_hashes_of_the_last_build_are_nobodys_number_and_a_published_table_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE {BUILT} AS SELECT 'f13912345678a' AS state")
    with duckdb.connect() as con:
        assert identifiers_shown(con, path)[1] == 1  # the control
        found = _Search(con)
        found.look_into("warehouse", path, but=BUILT)
        assert found.told()[1] == 0


@pytest.mark.parametrize(
    ("column", "value", "hits"),
    [
        ("survey_id VARCHAR", "'anna@test.example'", 1),
        ("survey_id VARCHAR", "'13912345678'", 0),  # a number of the house
        ("product_ref VARCHAR", "'13912345678'", 1),
        ("some_key VARCHAR", "'anna@test.example'", 1),
        ("tags VARCHAR[]", "['a', 'anna@test.example']", 1),
        ("raw JSON", '\'{"a": "anna@test.example"}\'', 1),
        ("raw STRUCT(a VARCHAR)", "{'a': 'anna@test.example'}", 1),
        ("raw BLOB", "'anna@test.example'::BLOB", 1),
        ("tags VARCHAR[]", "['a', NULL]", 0),
        ("case_key VARCHAR", "'a13912345678b'", 0),  # a hash, by the contract
    ],
)
def test_columns_are_read_whatever_their_type_and_end_but_hashes_of_the_contracts(
    tmp_path: Path, column: str, value: str, hits: int
) -> None:
    path = tmp_path / "some.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE t ({column}); INSERT INTO t VALUES ({value})")
    with duckdb.connect() as con:
        assert identifiers_shown(con, path)[1] == hits


def test_a_file_that_does_not_open_fails_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    path.write_bytes(b"name,email")
    with duckdb.connect() as con:
        _, hits, told = identifiers_shown(con, path)
    assert hits == 1 and told.endswith("published file does not open")
    assert "已发布文件打不开" in translated(told, "zh")


def test_what_the_gate_left_shows_nothing_a_token_is_no_word(tmp_path: Path) -> None:
    """A number with a check digit behind the word card counts as one; behind the token of a card it is any number."""
    given = "4111 1111 1111 1111 ref 8000000000000003"
    left = redacted([given])[0]["text"]
    assert left == "<CARD> ref 8000000000000003"
    path = tmp_path / "some.duckdb"
    for text, hits in ((left, 0), (given, 1)):
        with duckdb.connect(str(path)) as con:
            con.execute("CREATE OR REPLACE TABLE kpi_quotes AS SELECT $1 AS text", [text])
        with duckdb.connect() as con:
            assert identifiers_shown(con, path)[1] == hits
