"""Names of other persons the vault knows, by hash: found where they can be told, never where they are ordinary words.

Keep out: a record's own persons.
"""

import duckdb
import pytest

from orchestration.privacy.known_names import name_hash
from orchestration.privacy.redaction import redact

VAULT = ["张小明", "欧阳小明", "李娜", "高兴", "John Smith", "Grace Hope", "王先"]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """A connection with a vault's name hashes, under an unkeyed hash."""
    connection = duckdb.connect()
    connection.execute("create macro hmac_blind_index(v) as sha256(v)")
    connection.execute(
        f"create table hashes as select {name_hash('n')} as index_hash from (select unnest($1) as n)", [VAULT]
    )
    return connection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("上次王张小明也在场", "上次王<NAME>也在场"),
        ("是欧阳小明接的电话", "是<NAME>接的电话"),
        ("我找李娜说过", "我找<NAME>说过"),
        ("Dear John Smith sent me", "Dear <NAME> sent me"),
        ("我很高兴,让高兴的人更多", "我很高兴,让高兴的人更多"),
        ("行李娜走了", "行李娜走了"),
        ("Grace Hope is a school", "Grace Hope is a school"),
        ("张小红 and Jane Smith", "张小红 and Jane Smith"),
    ],
)
def test_names_of_the_vault_are_masked_where_they_can_be_told(con, text, expected):
    con.execute("create or replace table texts as select 1::bigint as row_no, 'text' as field, $1 as text", [text])
    redact(con, "from texts", None, "result", known="hashes")
    assert con.execute("select text from result").fetchone() == (expected,)
