"""Attacks on what lies sealed: another key, a byte flipped, a value moved to another person.

Keep out: forging the log.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.exceptions import InvalidTag

from orchestration.engine import connect, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake import quarantine
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing import pages
from orchestration.privacy import classified, pseudonyms
from orchestration.privacy.disclosure import PROFILES
from orchestration.privacy.erased import Erased, ErasedList
from orchestration.privacy.keys import Keyring
from orchestration.privacy.subjects import Sought, find
from orchestration.privacy.vault import open_vault, unseal_identities
from orchestration.serving.history import KEY, History
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

REFUSED = (VoicehouseError, duckdb.Error, InvalidTag, ValueError, OSError, LookupError)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """Two persons with an address each, a batch that waits, somebody erased, and what a run would have made of rows."""
    house = TestHouse(tmp_path_factory.mktemp("made"))
    write_source(house.sources, "desk", {"case": CASE})
    people = [("Z1", "zora@example.org"), ("O1", "otto@example.org")]
    house.drop(
        "rows.jsonl",
        lines(*(case(i, account=a, email=e, verified="true", country="DE") for i, (a, e) in enumerate(people))),
    )
    house.take()
    ErasedList(house.home, house.keyring).add(Erased("R1", "2026-01-01T00:00:00", ("s",), ("m",)))
    _wait_and_serve(house.home, house.keyring)
    return house


FIGURES = (
    "(SELECT 'nps' AS metric_id, NULL::VARCHAR AS suppressed_reason, n AS value, n AS numerator, n AS denominator, "
    "n AS n_eligible, n AS n_answered, n AS n_subjects FROM range(40) AS t(n))"
)


def _wait_and_serve(home: Home, keyring: Keyring) -> None:
    (part,) = home.root.glob("lake/case/**/*.parquet")
    batch = home.folder("quarantine", "load") / "case-0.parquet"
    shutil.copy(part, batch)
    note = {"batch": "load/case-0", "part": {"kind": "case"}, "failed": [{"name": "some"}]}
    batch.with_suffix(".json").write_text(json.dumps(note))
    with connect(home.temp) as con:
        for path, key in ((home.warehouse, "warehouse"), (home.serving / "team.duckdb", "team")):
            con.execute(f"ATTACH '{path}' AS made (ENCRYPTION_KEY '{keyring.hex(key)}', ENCRYPTION_CIPHER 'GCM')")
            con.execute(f"CREATE SCHEMA made.shown; CREATE TABLE made.shown.figures AS FROM {FIGURES}; DETACH made")
        History(con, home, PROFILES["internal"])
        con.execute(
            f"COPY (SELECT *, value::VARCHAR AS cell, '' AS content, TIMESTAMP '2026-01-01' AS published_at, "
            f"'internal' AS profile FROM {FIGURES}) TO '{home.folder('published') / 'part-1.parquet'}' "
            f"(FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: '{KEY}'}})"
        )


def _lake(home: Home, keyring: Keyring) -> object:
    with connect(home.temp) as con:
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        return con.execute('SELECT * FROM lake."case" ORDER BY case_key').fetchall()


def _identities(home: Home, keyring: Keyring) -> object:
    with connect(home.temp) as con:
        with open_vault(con, home, keyring, read_only=True):
            rows = con.execute(
                "SELECT v.index_hash, v.sealed, s.secret FROM vault.identity v JOIN vault.subject s USING (subject_id) "
                "ORDER BY v.index_hash"
            ).to_arrow_table()
        return unseal_identities(rows).to_pylist()


def _pages(home: Home, keyring: Keyring) -> object:
    return [page.content for load in pages.loads(home, "desk") for page in pages.open_load(home, keyring, load)]


def _erased(home: Home, keyring: Keyring) -> object:
    return ErasedList(home, keyring).entries()


def _waiting(home: Home, keyring: Keyring) -> object:
    with connect(home.temp) as con:
        quarantine.register(con, Lake(home, keyring.base64(LAKE_KEY)))
        return con.execute('SELECT * FROM waiting."case" WHERE failed_checks <> [] ORDER BY case_key').fetchall()


def _history(home: Home, keyring: Keyring) -> object:
    with connect(home.temp) as con:
        History(con, home, PROFILES["internal"]).load(FIGURES)
        return con.execute("SELECT * FROM last_published ORDER BY value").fetchall()


def _database(place: str, key: str) -> Callable[[Home, Keyring], object]:
    def read(home: Home, keyring: Keyring) -> object:
        with connect(home.temp) as con:
            how = f"READ_ONLY, ENCRYPTION_KEY '{keyring.hex(key)}', ENCRYPTION_CIPHER 'GCM'"
            con.execute(f"ATTACH {literal(str(home.root / place))} AS made ({how})")
            return con.execute("SELECT * FROM made.shown.figures ORDER BY value").fetchall()

    return read


# Each store: its files below the home, and how it is read.
STORES: dict[str, tuple[str, Callable[[Home, Keyring], object]]] = {
    "lake": ("lake/case/**/*.parquet", _lake),
    "vault": ("vault/vault.duckdb", _identities),
    "landing": ("landing/desk/pages/*.parquet", _pages),
    "erased list": ("erased/list.sealed", _erased),
    "quarantine": ("quarantine/*/*.parquet", _waiting),
    "published history": ("published/part-*.parquet", _history),
    "warehouse": ("warehouse.duckdb", _database("warehouse.duckdb", "warehouse")),
    "team file": ("serving/team.duckdb", _database("serving/team.duckdb", "team")),
    "keyring": ("keys/keyring.json", lambda home, keyring: sorted(keyring.purposes())),
}


@pytest.mark.parametrize("store", STORES)
def test_no_store_opens_with_the_keys_of_another_home(made: TestHouse, tmp_path: Path, store: str) -> None:
    _, read = STORES[store]
    assert read(made.home, made.keyring)  # the control
    copy = Home.open(shutil.copytree(made.home.root, tmp_path / "copy"))
    strange = Home.open(tmp_path / "strange")
    Keyring(strange).base64(LAKE_KEY)
    if store == "keyring":
        (copy.root / "keys" / "master.key").write_text((strange.root / "keys" / "master.key").read_text())
    else:
        shutil.rmtree(copy.root / "keys")
        shutil.copytree(strange.root / "keys", copy.root / "keys")
    with pytest.raises(REFUSED):
        read(copy, Keyring(copy))


@pytest.mark.parametrize("store", STORES)
def test_no_flipped_byte_changes_what_is_read(made: TestHouse, tmp_path: Path, store: str) -> None:
    """Places over the whole file, in landing two hundred: what is read is the same, or nothing is read."""
    pattern, read = STORES[store]
    home = Home.open(shutil.copytree(made.home.root, tmp_path / "copy"))
    (path,) = home.root.glob(pattern)
    whole, wanted = path.read_bytes(), read(home, Keyring(home))
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // (200 if store == "landing" else 20))):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            found = read(home, Keyring(home))
        except REFUSED:
            refused += 1
            continue
        assert found == wanted, f"byte {place} of {len(whole)}"
    assert refused >= 3, "no flip was noticed: the test proves nothing"
    path.write_bytes(whole)
    assert read(home, Keyring(home)) == wanted  # the control


@pytest.mark.parametrize("store", ["quarantine", "published history", "warehouse", "team file"])
def test_a_store_that_does_not_open_fails_the_check_of_columns(made: TestHouse, tmp_path: Path, store: str) -> None:
    """C4 asks which columns there are: what was torn or changed so that nobody can tell counts, and stops nothing."""
    home = Home.open(shutil.copytree(made.home.root, tmp_path / "copy"))
    (path,) = home.root.glob(STORES[store][0])
    whole = path.read_bytes()

    def not_described() -> int:
        with connect(home.temp) as con:
            lake = Lake(home, made.keyring.base64(LAKE_KEY))
            lake.register(con)
            key = {"warehouse": "warehouse", "team file": "team"}.get(store)
            if key:
                return classified.in_database(con, path, made.keyring.hex(key))[1]
            return classified.in_files(con, lake, made.keyring)[1]

    assert not_described() == 0  # the control
    for damaged in (whole[: len(whole) // 2], whole[:9] + b"?" + whole[10:-20] + bytes(20), b"?" * len(whole)):
        path.write_bytes(damaged)
        assert not_described() == 1


@pytest.mark.parametrize("taken", [0, 2, 4])
def test_no_page_is_taken_away_unnoticed(tmp_path: Path, taken: int) -> None:
    """The first, one between, the last one: by somebody who can write files but has no key."""
    house = TestHouse(tmp_path / "house")
    write_source(house.sources, "desk", {"case": CASE})
    for i in range(5):
        house.drop(f"rows{i}.jsonl", lines(case(i)))
    house.take()
    (path,) = house.home.root.glob("landing/desk/pages/*.parquet")
    table = pq.read_table(path)
    assert table.num_rows == len(_pages(house.home, house.keyring)) == 5  # the control
    pq.write_table(pa.concat_tables([table.slice(0, taken), table.slice(taken + 1)]), path)
    with pytest.raises(VoicehouseError, match=f"page {taken} of load .* is missing"):
        _pages(house.home, house.keyring)


@pytest.mark.parametrize(
    "moved",
    [
        "UPDATE vault.identity SET sealed = (SELECT sealed FROM vault.identity i WHERE i.domain = 'email' "
        "AND i.subject_id <> identity.subject_id) WHERE domain = 'email'",  # the values exchanged
        "UPDATE vault.identity SET subject_id = (SELECT max(subject_id) FROM vault.subject) WHERE domain = 'email'",
        "UPDATE vault.identity SET index_hash = reverse(index_hash)",  # found under another mark
        "UPDATE vault.subject SET secret = (SELECT secret FROM vault.subject s WHERE s.subject_id <> subject.subject_id)",
    ],
)
def test_an_identity_moved_to_another_person_opens_for_nobody(made: TestHouse, tmp_path: Path, moved: str) -> None:
    """By somebody who can write into the vault: whoever is asked about then, no other person's address is told."""
    home = Home.open(shutil.copytree(made.home.root, tmp_path / "copy"))
    keyring = Keyring(home)
    assert len(_identities(home, keyring)) == 4  # the control
    with connect(home.temp) as con, open_vault(con, home, keyring):
        con.execute(moved)
    with pytest.raises(VoicehouseError, match="changed") as told:
        _identities(home, keyring)
    assert "example.org" not in str(told.value)


def test_a_key_of_one_purpose_does_not_stand_in_for_another(made: TestHouse, tmp_path: Path) -> None:
    """Wrapped keys exchanged inside the ring: the lake's for the vault's, say."""
    home = Home.open(shutil.copytree(made.home.root, tmp_path / "copy"))
    path = home.root / "keys" / "keyring.json"
    ring = json.loads(path.read_text())
    assert Keyring(home).key("vault") == made.keyring.key("vault")  # the control
    ring["vault"], ring[LAKE_KEY] = ring[LAKE_KEY], ring["vault"]
    path.write_text(json.dumps(ring))
    with pytest.raises(REFUSED):
        Keyring(home)


def test_a_pseudonym_put_under_another_person_finds_nobody(made: TestHouse) -> None:
    """Pseudonyms are computed from the vault's own ids: none can be told to be somebody else's."""
    con = connect(made.home.temp)
    try:
        pseudonyms.install(con, made.keyring)
        with open_vault(con, made.home, made.keyring, read_only=True):
            (true,) = {k for (k,) in made.rows("select subject_key from lake.case limit 1")}
            assert len(find(con, Sought(pseudonym=true))) == 1  # the control
            assert find(con, Sought(pseudonym=true[::-1])) == []
    finally:
        con.close()
