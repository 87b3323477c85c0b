"""What lies in closed stores in the clear, or is none of the house's files, fails C8. Keep out: modes, answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.engine import connect
from orchestration.home import Home
from orchestration.landing.seal import seal
from orchestration.privacy.audit import _stores
from orchestration.privacy.closed_files import is_open
from orchestration.privacy.erased import Erased, ErasedList, WithdrawnList
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Page

LOAD = "20260101T000000000-abcdef-desk"
PAGE = "landing/desk/pages/1.parquet"
WORDS = b"name,email\nAnna,anna@test.example\n"
GB18030 = "\u5f20\u4e09,\u624b\u673a\n".encode("gb18030") * 40


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a file of every kind, as the house writes it."""
    home = Home.open(tmp_path_factory.mktemp("closed"))
    keyring = Keyring(home)
    con = connect(home.temp)
    for place, key in (("vault/vault", "vault"), ("warehouse", "warehouse"), ("serving/team", "team")):
        path = home.root / f"{place}.duckdb"
        path.parent.mkdir(exist_ok=True)
        con.execute(f"ATTACH '{path}' AS made (ENCRYPTION_KEY '{keyring.hex(key)}', ENCRYPTION_CIPHER 'GCM')")
        con.execute("CREATE TABLE made.t AS SELECT 1 AS n; CHECKPOINT made; DETACH made")
        path.chmod(0o600)
    con.close()
    home.folder(*Path(PAGE).parts[:-1])
    value = seal(Page("rows", [{"name": "Anna"}]), keyring.key(f"landing:{LOAD}"), "desk", LOAD, 0, "f", True)
    write_page(home.root / PAGE, value)
    WithdrawnList(home, keyring).write([("id", "analytics", "2026-01-01")])
    ErasedList(home, keyring).add(Erased("r1", "2026-01-01", ("id",), ("mark",)))
    (home.folder("quarantine", "load") / "case-0.json").write_text("{}")
    (home.folder("landing", "_complete") / "desk.json").write_text("{}")
    for path in home.root.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
    return home


def write_page(path: Path, value: bytes) -> None:
    row = {"load_id": LOAD, "stream": "rows", "number": 0, "sealed": value, "_dlt_load_id": "1", "_dlt_id": "1"}
    pq.write_table(pa.Table.from_pylist([row]), path)


def in_the_clear(home: Home) -> tuple[int, str]:
    _, n, told = _stores(home, Keyring(home))
    return n, told.partition("; where: ")[2]


@pytest.fixture
def put(closed: Home) -> Iterator[Callable[[str, bytes], None]]:
    """Writes a file of the home; what was there is put back."""
    before: dict[Path, bytes | None] = {}

    def write(place: str, content: bytes) -> None:
        path = closed.root / place
        before.setdefault(path, path.read_bytes() if path.exists() else None)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content)
        path.chmod(0o600)

    yield write
    for path, content in before.items():
        path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("vault/vault.duckdb", "vault.duckdb"),
        ("warehouse.duckdb", "warehouse.duckdb"),
        ("serving/team.duckdb", "team.duckdb"),
        ("erased/withdrawn.sealed", "erased"),
        ("erased/other.sealed", "erased"),
        ("landing/left.csv", "landing"),
        ("landing/desk/left.json", "landing"),
        (PAGE, "landing"),
        ("quarantine/load/case-0.parquet", "quarantine"),
        ("quarantine/load/.case-0.parquet.draft", "quarantine"),
        ("vault/copy.txt", "vault"),
        ("lake/case/rows.csv", "lake"),
        ("audit/copy.jsonl", "audit"),
        ("tmp/duckdb_temp_storage-0.tmp", "tmp"),
        ("tmp/gate/rows-0.parquet", "tmp"),
    ],
)
def test_what_lies_in_the_clear_shows_with_its_store(
    closed: Home, put: Callable[[str, bytes], None], place: str, where: str
) -> None:
    assert in_the_clear(closed) == (0, "")
    put(place, WORDS)
    assert in_the_clear(closed) == (1, where)


def test_a_page_that_is_not_sealed_shows_one_that_is_damaged_or_whose_key_went_is_nobodys(
    closed: Home, put: Callable[[str, bytes], None]
) -> None:
    whole = (closed.root / PAGE).read_bytes()
    sealed = pq.read_table(closed.root / PAGE)["sealed"][0].as_py()
    for value, n in (
        (json.dumps({"email": "anna@test.example"}).encode(), 1),
        (GB18030, 1),
        (b"\x28\xb5\x2f\xfd" + sealed, 1),  # packed, and not sealed
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), 0),
    ):
        put(PAGE, whole)
        write_page(closed.root / PAGE, value)
        assert in_the_clear(closed)[0] == n


def test_a_key_as_long_as_a_wrapped_one_that_the_master_key_does_not_open_shows(
    closed: Home, put: Callable[[str, bytes], None]
) -> None:
    keyring, ring = Keyring(closed), closed.root / "keys" / "keyring.json"
    put("keys/keyring.json", json.dumps({**json.loads(ring.read_text()), "some": ["A" * 80]}).encode())
    _, n, told = _stores(closed, keyring)
    assert n == 1 and told.endswith("where: keys")


def test_spills_and_drafts_that_are_closed_or_empty_pass(closed: Home, put: Callable[[str, bytes], None]) -> None:
    encrypted = (closed.root / "vault" / "vault.duckdb").read_bytes()
    put("tmp/duckdb_temp_storage-0.tmp", encrypted[12288:16384])
    put("vault/.vault.draft.duckdb", encrypted)
    put("vault/vault.rotated", encrypted)
    put("landing/desk/pages/1.parquet.rotated", (closed.root / PAGE).read_bytes())
    for whole in ("quarantine/load/case-1.json", "published/draft.json", "landing/_read/load.json"):
        put(whole, b"{}")
        put(f"{Path(whole).parent}/.{Path(whole).name}.draft", b"{}")
    put("landing/left.csv", b"")
    put("keys/.master.changing.draft", b"{}")
    put("tmp/canary-1/inbox/letters.csv", WORDS)
    assert in_the_clear(closed) == (0, "")


def test_words_of_any_encoding_are_to_read_and_random_bytes_are_not() -> None:
    for text in (WORDS, GB18030, "张三 13812345678".encode(), b"a"):
        assert is_open(text)
    for closed in (bytes(range(256)) * 2, bytes(512), b"", b"PARE" + bytes(range(64))):
        assert not is_open(closed)
