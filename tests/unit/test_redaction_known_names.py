"""Names of other persons the vault knows, by hash: found where they can be told, never where they are ordinary words.

Keep out: a record's own persons.
"""

import duckdb
import pytest

from orchestration.privacy.known_names import name_hash
from orchestration.privacy.redaction import redact

VAULT = ["张小明", "欧阳小明", "李娜", "高兴", "John Smith", "Grace Hope", "王先"]
FURTHER = [
    *(
        "牛志强",
        "耿丽华",
        "关晓彤",
        "岳云鹏",
        "陳志強",
        "迪丽热巴",
        "阿卜杜拉·买买提",
        "阿卜杜·热合曼·买买提",
        "令狐冲",
        "范徐丽泰",
        "Mary Ann Smith",
    ),
    *(
        "Juan Carlos García",
        "Élodie Martin",
        "Özgür Şahin",
        "Łukasz Żak",
        "Piet van der Berg",
        "John F. Kennedy",
        "Li  Na",
    ),
    *("很好用", "Best Price Shop"),
]


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """A connection with a vault's name hashes, under an unkeyed hash."""
    connection = duckdb.connect()
    connection.execute("create macro hmac_blind_index(v) as sha256(v)")
    connection.execute(
        f"create table hashes as select {name_hash('n')} as index_hash from (select unnest($1) as n)", [VAULT + FURTHER]
    )
    return connection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("跟阿卜杜·热合曼·买买提说过", "跟<NAME>说过"),
        ("上次王张小明也在场", "上次王<NAME>也在场"),
        ("是欧阳小明接的电话", "是<NAME>接的电话"),
        ("我找李娜说过", "我找<NAME>说过"),
        ("Dear John Smith sent me", "Dear <NAME> sent me"),
        ("我很高兴,让高兴的人更多", "我很高兴,让高兴的人更多"),
        ("行李娜走了", "行李娜走了"),
        ("Grace Hope is a school", "Grace Hope is a school"),
        ("张小红 and Jane Smith", "张小红 and Jane Smith"),
        ("我找牛志强说过，我叫牛志强，联系人：牛志强", "我找<NAME>说过，我叫<NAME>，联系人：<NAME>"),
        ("上次牛志强也在场", "上次<NAME>也在场"),
        ("王李张牛志强也在场", "王李张<NAME>也在场"),
        ("耿丽华、关晓彤和岳云鹏", "<NAME>、<NAME>和<NAME>"),
        ("就是陳志強，令狐冲，还有范徐丽泰", "就是<NAME>，<NAME>，还有<NAME>"),
        ("同事迪丽热巴接的", "同事<NAME>接的"),
        ("店里的阿卜杜拉·买买提说的", "店里的<NAME>说的"),
        ("这个很好用", "这个很好用"),
        ("I told Mary Ann Smith and Juan Carlos García", "I told <NAME> and <NAME>"),
        ("With Élodie Martin, Özgür Şahin or Łukasz Żak", "With <NAME>, <NAME> or <NAME>"),
        ("Yesterday Piet van der Berg and John F. Kennedy", "Yesterday <NAME> and <NAME>"),
        ("Dear John  Smith, dear John\nSmith, Li Na", "Dear <NAME>, dear <NAME>, <NAME>"),
        ("The Best Price Shop", "The Best Price Shop"),
    ],
)
def test_names_of_the_vault_are_masked_where_they_can_be_told(con, text, expected):
    con.execute("create or replace table texts as select 1::bigint as row_no, 'text' as field, $1 as text", [text])
    redact(con, "from texts", None, "result", known="hashes")
    assert con.execute("select text from result").fetchone() == (expected,)
