"""Rotation of keys: the same rows and subjects, no pseudonym of before, and everything goes on.

Keep out: erasure itself.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dlt.pipeline.pipeline import Pipeline

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.errors import SourceError, VoicehouseError
from orchestration.lake import audit, quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.lake.audit import AuditResult, CheckResult
from orchestration.landing.pages import loads, open_load, refusals
from orchestration.landing.seal import open_page
from orchestration.privacy import erasure, evidence, rotation
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.subjects import Sought
from orchestration.privacy.unlinkable import EXPORTS
from orchestration.privacy.vault import open_vault
from orchestration.serving import postgres
from orchestration.sources.contract import Window
from tests.attacks.test_consent import GRANT, desk
from tests.house import TestHouse, died, write_source
from tests.integration.test_gate import CASE, CURRENT, case, lines
from tests.integration.test_retention import Dying
from tests.integration.test_subjects import EVENT, erase, request_count

__all__ = ["desk"]


@pytest.fixture
def filled(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """Three persons, two of whose accounts merged late, an event, and a batch in quarantine."""
    write_source(house.sources, "desk", {"case": CASE, "case_event": EVENT})
    li = {"email": "li@example.org", "verified": "true", "country": "CN"}
    house.drop(
        "rows_1.jsonl", lines(case(1, account="A1", event="E1", text="hello"), case(2, **li), case(3, account="B1"))
    )
    house.take()
    house.drop("rows_2.jsonl", lines(case(4, account="A1", **li)))
    house.take()
    house.drop("rows_3.jsonl", lines(case(5, account="C1", country="CN")))
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 1, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        house.take()
    return house


def hashes(house: TestHouse) -> set[str]:
    """Every keyed hash of the lake."""
    columns = ("subject_key", "case_key", "content_hash")
    found = {r for c in columns for (r,) in house.rows(f"select {c} from lake.case where {c} is not null")}
    return found | {r for (r,) in house.rows("select subject_key from lake._subjects")}


def clusters(house: TestHouse) -> list[int]:
    sizes: dict[str, int] = {}
    for _, subject in house.rows(CURRENT):
        sizes[subject] = sizes.get(subject, 0) + 1
    return sorted(sizes.values())


def test_a_log_that_a_death_left_beside_the_vault_is_played_before_another_file_takes_its_place(
    filled: TestHouse, tmp_path: Path
) -> None:
    folder, left, sizes = filled.home.folder("vault"), tmp_path / "left", clusters(filled)
    con = connect(filled.home.temp)
    dying = Dying(con, "CHECKPOINT vault", folder, left)
    with pytest.raises(KeyboardInterrupt), open_vault(dying, filled.home, filled.keyring):
        pass
    con.close()
    shutil.rmtree(folder)
    shutil.copytree(left, folder)
    assert list(folder.glob("*.wal"))  # the control
    assert rotation.rotate(filled.home, filled.keyring).is_sound and clusters(filled) == sizes
    filled.drop("rows_4.jsonl", lines(case(6, account="A1")))
    filled.take()
    assert not list(folder.glob("*.wal")) and filled.rows("select count(*) from lake.case") == [(5,)]


def test_rows_and_subjects_are_the_same_and_old_pseudonyms_are_dead(filled: TestHouse) -> None:
    before, sizes = hashes(filled), clusters(filled)
    files = {p: p.read_bytes() for p in (filled.home.root / "vault").glob("*.duckdb")}
    vault, lake = filled.keyring.key("vault"), filled.keyring.key("lake")
    done = rotation.rotate(filled.home, filled.keyring)
    assert done.is_sound and (done.rows_after, done.subjects_after) == (5, 2)
    assert clusters(filled) == sizes and len(hashes(filled)) == len(before)
    assert hashes(filled) & before == set()
    again = Keyring(filled.home)
    assert again.key("vault") != vault and again.key("lake") != lake
    assert again.version("vault") == 1 and again.version("pseudonym.person") == 2
    assert all(p.read_bytes() != content for p, content in files.items())
    assert not list(filled.home.root.rglob("*.rotated")) and not (filled.home.root / "keys" / "rotating.json").exists()
    assert evidence.noted(filled.home)["C18"]["failed"] == 0
    assert AuditLog(filled.home, again).verify()[1] == []
    # The case's event is still the case's.
    assert filled.rows("select count(*) from lake.case join lake.case_event using (case_key)") == [(1,)]


def pages_of(house: TestHouse) -> dict[str, list[bytes]]:
    """What every load in landing holds, opened."""
    return {
        load.load_id: [p.content for p in open_load(house.home, house.keyring, load)]
        for load in loads(house.home, "desk")
    }


def test_every_kind_of_key_is_another_but_that_of_file_ids(filled: TestHouse) -> None:
    filled.keyring.key(f"{EXPORTS}lab")
    before = {purpose: filled.keyring.key(purpose) for purpose in filled.keyring.purposes()}
    rotation.rotate(filled.home, filled.keyring)
    after = Keyring(filled.home)
    assert len(before) > 10 and set(before) <= set(after.purposes())
    assert {purpose for purpose, key in before.items() if after.key(purpose) == key} == {"file_names"}
    assert after.version(f"{EXPORTS}lab") == 1  # that of before opens nothing any more


def test_sealed_pages_open_under_fresh_keys_alone(filled: TestHouse) -> None:
    before, old = pages_of(filled), {i: filled.keyring.key(f"landing:{i}") for i in pages_of(filled)}
    rotation.rotate(filled.home, filled.keyring)
    filled.keyring = Keyring(filled.home)
    assert pages_of(filled) == before and len(before) == 3
    for path in (filled.home.root / "landing" / "desk" / "pages").glob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            where = "desk", row["load_id"], row["stream"], row["number"], path.name
            with pytest.raises(SourceError, match="does not open"):
                open_page(row["sealed"], old[row["load_id"]], *where)
            open_page(row["sealed"], filled.keyring.key(f"landing:{row['load_id']}"), *where)  # the control
    assert all(filled.keyring.version(f"landing:{i}") == 1 for i in before)


def test_a_damaged_page_stops_no_rotation_and_is_told_when_it_is_read(filled: TestHouse) -> None:
    path = sorted((filled.home.root / "landing" / "desk" / "pages").glob("*.parquet"))[0]
    table = pq.read_table(path)
    torn = pa.array([bytes([value[0] ^ 1]) + value[1:] for value in table["sealed"].to_pylist()], pa.binary())
    pq.write_table(table.set_column(table.schema.get_field_index("sealed"), "sealed", torn), path)
    assert rotation.rotate(filled.home, filled.keyring).is_sound
    filled.keyring = Keyring(filled.home)
    with pytest.raises(SourceError, match="does not open"):
        pages_of(filled)


def test_refused_rows_wait_under_the_fresh_key_of_their_load_and_come_in(desk: TestHouse) -> None:
    desk.drop("cases.jsonl", lines(case(1, account="a", country="CN")))
    desk.take("desk")
    waiting = {p: p.read_bytes() for p in refusals(desk.home).iterdir()}
    assert {p.suffix for p in waiting} == {".parquet", ".rows"}
    (load,) = loads(desk.home, "desk")
    old = desk.keyring.base64(f"landing:{load.load_id}")
    rotation.rotate(desk.home, desk.keyring)
    desk.keyring = Keyring(desk.home)
    with connect(desk.home.temp) as con:
        for name, key in (("old", old), ("new", desk.keyring.base64(f"landing:{load.load_id}"))):
            con.execute(f"PRAGMA add_parquet_key('{name}', '{key}')")
        for path in waiting:
            read = f"FROM read_parquet('{path}', encryption_config={{footer_key: '%s'}})"
            with pytest.raises(duckdb.Error):
                con.execute(read % "old").fetchall()
            assert con.execute(read % "new").fetchall()
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT}))
    desk.take("register")
    assert desk.rows("select count(*) from lake.case") == [(1,)]


def test_the_published_history_reads_on_under_a_key_of_its_own(filled: TestHouse) -> None:
    path, names = filled.home.folder("published") / "part-20260101T000000000000.parquet", ("old", "new")
    old = filled.keyring.base64("published")
    with connect(filled.home.temp) as con:
        con.execute(f"PRAGMA add_parquet_key('old', '{old}')")
        con.execute(f"COPY (SELECT range AS n FROM range(9)) TO '{path}' (ENCRYPTION_CONFIG {{footer_key: 'old'}})")
        rotation.rotate(filled.home, filled.keyring)
        con.execute(f"PRAGMA add_parquet_key('new', '{Keyring(filled.home).base64('published')}')")
        read = [f"SELECT sum(n) FROM read_parquet('{path}', encryption_config={{footer_key: '{n}'}})" for n in names]
        with pytest.raises(duckdb.Error):
            con.execute(read[0]).fetchall()
        assert con.execute(read[1]).fetchall() == [(36,)]


def test_everything_goes_on_after_a_rotation(filled: TestHouse) -> None:
    for _ in range(2):
        rotation.rotate(filled.home, filled.keyring)
    filled.drop("rows_4.jsonl", lines(case(1, account="A1", event="E1", text="hello"), case(6, account="A1")))
    filled.take()
    assert filled.ledger()[("case", "duplicate", "")] == 1  # what the lake holds is known again
    assert (
        request_count(filled, Sought(account="desk:A1")) == 2 == request_count(filled, Sought(email="li@example.org"))
    )
    assert len(clusters(filled)) == 2
    (note,) = quarantine.batches(filled.home)
    assert quarantine.replay(filled.home, filled.keyring, note["batch"])
    assert filled.rows("select count(*) from lake.case") == [(6,)]
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []
    assert erase(filled, Sought(account="desk:A1")).is_complete
    rotation.rotate(filled.home, filled.keyring)
    filled.drop("rows_5.jsonl", lines(case(1, account="A1", event="E1", text="hello again")))
    filled.take()
    assert filled.ledger()[("case", "rejected", "erased")] == 1  # the erased list knows persons whatever key rotates
    assert sum(erasure.traces(filled.home, filled.keyring).values()) == 0


def test_a_rotation_cut_short_before_its_commit_has_not_happened(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(filled)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "write_durably", die)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(filled.home, filled.keyring)
    filled.keyring = Keyring(filled.home)
    assert list(filled.home.root.rglob("*.rotated"))  # the control: it was well under way
    assert hashes(filled) == before and request_count(filled, Sought(account="desk:A1")) == 2
    assert rotation.rotate(filled.home, filled.keyring).is_sound
    assert hashes(filled) & before == set() and not list(filled.home.root.rglob("*.rotated"))


def test_a_rotation_cut_short_after_its_commit_is_completed_by_whoever_comes_next(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(filled)

    def die(*_: object) -> bool:
        if (filled.home.root / "keys" / "rotating.json").exists():
            raise KeyboardInterrupt
        return False

    with monkeypatch.context() as patch:
        patch.setattr(filled.keyring, "complete", die)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(filled.home, filled.keyring)
    assert list(Path(filled.home.root).rglob("*.rotated"))
    filled.keyring = Keyring(filled.home)
    assert hashes(filled) & before == set()
    assert request_count(filled, Sought(account="desk:A1")) == 2
    assert not list(Path(filled.home.root).rglob("*.rotated"))


def test_a_death_after_the_restricted_file_is_gone_leaves_postgresql_to_hear_of_it(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.home.furnish(replace(filled.home.told, postgres={"schema": "voicehouse"}), anew=True)
    team = filled.home.serving / "team.duckdb"
    team.write_bytes(b"made under keys of before")
    monkeypatch.setattr(rewriting, "rewrite", died)
    assert not postgres.is_due(filled.home)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(filled.home, filled.keyring)
    assert not team.exists() and postgres.is_due(filled.home)


def test_a_rotation_waits_for_pages_that_dlt_holds(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.drop("rows_6.jsonl", lines(case(9, account="A1")))
    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "load", died)
        with pytest.raises(KeyboardInterrupt):
            pipeline.extract(filled.home, filled.keyring, pipeline.sources(filled.home)["desk"], Window(), "test")
    with pytest.raises(VoicehouseError, match="pages of desk wait with dlt"):
        rotation.rotate(filled.home, filled.keyring)
    filled.take()
    assert rotation.rotate(filled.home, filled.keyring).is_sound
    assert filled.rows("select count(*) from lake.case") == [(5,)]


def test_a_rotation_waits_for_staged_loads(filled: TestHouse) -> None:
    filled.drop("rows_6.jsonl", lines(case(9, account="A1")))
    found = pipeline.sources(filled.home)["desk"]
    pipeline.extract(filled.home, filled.keyring, found, Window(), "test")
    pipeline.guard_source(filled.home, filled.keyring, found, "test")
    with pytest.raises(VoicehouseError, match="staged loads wait"):
        rotation.rotate(filled.home, filled.keyring)
