"""Changing the master key: the same keys and rows, and the old one opens nothing that is in the home.

Keep out: deaths (tests/faults/test_rewrap_killed.py) and replacing the keys themselves (test_rotation.py).
"""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestration import backup, doctor
from orchestration.cli import main
from orchestration.errors import KeyMissingError, UsedWronglyError, VoicehouseError
from orchestration.home import Home
from orchestration.privacy import master, rewrap, rotation
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import Erased, ErasedList
from orchestration.privacy.keys import Keyring
from tests.house import TestHouse, copy_of, died, write_source
from tests.wrapped import opened

SECRET = backup.passphrase("correct horse battery")
CASE = "select _record, raw ->> '$.id' as case_id, '2025-01-01' as opened_at, 'CN' as person_country from rows"
ENTRY = Erased("R1", "2025-01-02T00:00:00", ("one",), ("email\x1fhash",))
OLD, NEW, OTHER = (bytes([i]) * 32 for i in (1, 2, 3))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """A row in the lake, a sealed page, somebody on the list of the erased; its master key lies in the home."""
    patch = pytest.MonkeyPatch()
    for name in (master.MASTER_VARIABLE, master.COMMAND_VARIABLE, master.NEW_VARIABLE, master.NEW_COMMAND_VARIABLE):
        patch.delenv(name, raising=False)
    house = TestHouse(tmp_path_factory.mktemp("made"))
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", '{"id": "1"}\n')
    house.take("desk")
    ErasedList(house.home, house.keyring).add(ENTRY)
    AuditLog(house.home, house.keyring).append("opened")
    patch.undo()
    return house


@pytest.fixture
def kept(made: TestHouse, house: TestHouse, tmp_path: Path) -> TestHouse:
    """A copy of it whose master key lies in the home."""
    return copy_of(made, tmp_path / "copy")


@pytest.fixture
def elsewhere(kept: TestHouse, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """The same, its master key kept outside."""
    monkeypatch.setenv(master.NEW_VARIABLE, master.encoded(OLD))
    rewrap.rewrap(kept.home, kept.keyring)
    (kept.home.root / "keys" / master.FILE).unlink()
    monkeypatch.delenv(master.NEW_VARIABLE)
    monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(OLD))
    kept.keyring = Keyring(kept.home)
    return kept


def contents(keyring: Keyring) -> dict[str, list[bytes]]:
    return {purpose: keyring.versions(purpose) for purpose in keyring.purposes()}


def command(house: TestHouse, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    return CliRunner().invoke(main, list(arguments))


def test_all_opens_with_the_new_master_key_and_nothing_anywhere_with_the_old(kept: TestHouse) -> None:
    before, old = contents(kept.keyring), kept.keyring.master
    n = sum(map(len, before.values())) + 1
    assert len(opened(kept.home, old, list(before))) == n  # the control
    done = rewrap.rewrap(kept.home, kept.keyring)
    assert done.is_sound and (done.keys, done.in_file) == (n, True)
    again = Keyring(kept.home)
    assert contents(again) == before == contents(kept.keyring) and again.master != old
    assert opened(kept.home, old, list(before)) == []
    assert len(opened(kept.home, again.master, list(before))) == n
    assert ErasedList(kept.home, again).entries() == [ENTRY]
    assert kept.rows("select count(*) from lake.case") == [(1,)]
    assert AuditLog(kept.home, again).verify()[1] == []
    assert master.decoded((kept.home.root / "keys" / master.FILE).read_text()) == again.master
    house = TestHouse(kept.home.root.parent)
    house.drop("rows_2.jsonl", '{"id": "2"}\n')
    house.take("desk")
    assert house.rows("select count(*) from lake.case") == [(2,)]  # it goes on


def test_what_deaths_left_wrapped_by_the_old_one_goes(kept: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    old, keys = kept.keyring.master, kept.home.root / "keys"
    before = contents(kept.keyring)
    with monkeypatch.context() as patch:
        patch.setattr(rotation.rewriting, "write_durably", died)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(kept.home, kept.keyring)
    shutil.copy(keys / "keyring.json", keys / ".keyring.json.draft")
    shutil.copy(keys.with_name("erased") / "key.json", keys.with_name("erased") / ".key.json.draft")
    left = {"keys/rotating.json", "keys/.keyring.json.draft", "erased/.key.json.draft"}
    assert left < set(opened(kept.home, old, list(before)))  # the control
    assert rewrap.rewrap(kept.home, kept.keyring).is_sound
    after = contents(Keyring(kept.home))
    assert opened(kept.home, old, list(after)) == [] and before.items() <= after.items()


def test_a_keyring_that_was_open_meanwhile_writes_nothing_for_the_old_one(kept: TestHouse) -> None:
    other, old = Keyring(kept.home), kept.keyring.master
    rewrap.rewrap(kept.home, kept.keyring)
    with pytest.raises(KeyMissingError, match="does not open"):
        other.key("made later")
    assert kept.keyring.key("made later")
    assert opened(kept.home, old, ["made later", *kept.keyring.purposes()]) == []


def test_a_master_key_kept_elsewhere_is_given_from_there_and_never_written(
    elsewhere: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = contents(elsewhere.keyring)
    with pytest.raises(KeyMissingError, match=f"keep a new one there first.*{master.NEW_VARIABLE}"):
        rewrap.plan(elsewhere.keyring)
    monkeypatch.setenv(master.NEW_VARIABLE, master.encoded(OLD))
    with pytest.raises(UsedWronglyError, match="is the one of now"):
        rewrap.plan(elsewhere.keyring)
    monkeypatch.setenv(master.NEW_VARIABLE, "13800138000")
    with pytest.raises(KeyMissingError, match="the new master key.*32 bytes"):
        rewrap.plan(elsewhere.keyring)
    monkeypatch.delenv(master.NEW_VARIABLE)
    client = tmp_path / "client"
    client.write_text(f"#!/bin/sh\necho '{master.encoded(NEW)}'\n")
    client.chmod(0o700)
    monkeypatch.setenv(master.NEW_COMMAND_VARIABLE, str(client))
    stale = elsewhere.home.root / "keys" / master.FILE
    stale.write_text(master.encoded(OLD))  # somebody forgot it
    done = rewrap.rewrap(elsewhere.home, elsewhere.keyring)
    assert done.is_sound and not done.in_file and not stale.exists()
    written = b"".join(p.read_bytes() for p in elsewhere.home.root.rglob("*") if p.is_file())
    assert master.encoded(NEW).encode() not in written and NEW not in written
    with pytest.raises(KeyMissingError, match="does not open"):
        Keyring(elsewhere.home)
    monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(NEW))
    assert contents(Keyring(elsewhere.home)) == before


def test_a_change_that_was_begun_is_ended_with_its_own_new_one_or_taken_back_for_another(
    elsewhere: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(elsewhere.keyring)
    master.Change(OLD, NEW, False).note(elsewhere.home.root / "keys")
    for given in (OLD, NEW):
        monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(given))
        assert contents(Keyring(elsewhere.home)) == before
        codes = {f.as_row()["code"]: f.level for f in doctor.examine(elsewhere.home.root)}
        assert codes["master_changing"] == "warning"
    with pytest.raises(VoicehouseError, match="end it first"):
        backup.write(elsewhere.home, elsewhere.inbox / "b", SECRET)
    monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(OLD))
    with pytest.raises(KeyMissingError, match=f"give it again by {master.NEW_VARIABLE}"):
        rewrap.plan(Keyring(elsewhere.home))  # nobody shows that the new one was kept
    monkeypatch.setenv(master.NEW_VARIABLE, master.encoded(OTHER))
    assert rewrap.rewrap(elsewhere.home, Keyring(elsewhere.home)).is_sound
    monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(OTHER))
    assert contents(Keyring(elsewhere.home)) == before
    assert opened(elsewhere.home, OLD, list(before)) == [] == opened(elsewhere.home, NEW, list(before))


def test_a_key_made_while_a_change_waits_opens_after_it(kept: TestHouse) -> None:
    master.Change(kept.keyring.master, NEW, True).note(kept.home.root / "keys")
    made = Keyring(kept.home).key("made meanwhile")
    assert rewrap.rewrap(kept.home, Keyring(kept.home)).is_sound
    assert Keyring(kept.home).key("made meanwhile") == made and Keyring(kept.home).master == NEW


def test_the_command_says_what_it_would_do_did_and_what_it_does_not_reach(
    kept: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backup.write(kept.home, tmp_path / "b", SECRET)
    engineer = ("keys", "rewrap", "--role", "engineer")
    before = (kept.home.root / "keys" / "keyring.json").read_bytes()
    dry = command(kept, monkeypatch, *engineer, "--dry-run")
    assert dry.exit_code == 0 and "would be wrapped anew: " in dry.stdout and "keys/master.key" in dry.stdout
    found = json.loads(command(kept, monkeypatch, *engineer, "--dry-run", "--json").stdout)
    assert found == {"keys": rewrap.keys(kept.home, kept.keyring), "in_file": True, "goes_on": False}
    assert (kept.home.root / "keys" / "keyring.json").read_bytes() == before
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2030-01-01T00:00:00Z")
    done = command(kept, monkeypatch, *engineer, "--yes")
    assert done.exit_code == 0, done.output
    for words in ("still opens: 0", "put a copy of it into escrow", "erased/", "audit log knows: 1", "keys rotate"):
        assert words in done.stdout
    log = AuditLog(kept.home, Keyring(kept.home))
    assert [x["action"] for x in log.lines()][-5:] == [
        "keys rewrap, dry run", "keys rewrap, dry run", "keys rewrap", "rewrap begun", "rewrap",
    ]  # fmt: skip
    listed = json.loads(command(kept, monkeypatch, "keys", "list", "--json").stdout)
    assert listed[0] == {"purpose": "master", "versions": 1, "made_on": "2030-01-01"}
    again = json.loads(command(kept, monkeypatch, *engineer, "--yes", "--json").stdout)
    assert again["is_sound"] and again["opened_by_old"] == 0 and again["backups"] == 1
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    assert "旧主密钥仍能打开的密钥：0" in command(kept, monkeypatch, *engineer, "--yes").stdout
    monkeypatch.setenv(master.MASTER_VARIABLE, (kept.home.root / "keys" / master.FILE).read_text())
    refused = command(kept, monkeypatch, *engineer, "--yes")
    assert refused.exit_code == 4 and "主密钥存于此主目录之外" in refused.stderr


@pytest.mark.parametrize("is_in_file", [True, False])
def test_a_backup_from_before_opens_with_the_old_one_and_takes_the_new_with_the_newer_lists(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_in_file: bool
) -> None:
    house: TestHouse = request.getfixturevalue("kept" if is_in_file else "elsewhere")
    old, before = house.keyring.master, contents(house.keyring)
    backup.write(house.home, tmp_path / "b", SECRET)
    monkeypatch.setenv(master.NEW_VARIABLE, master.encoded(NEW))
    rewrap.rewrap(house.home, house.keyring)
    monkeypatch.delenv(master.NEW_VARIABLE)
    lists = house.home.root / "erased"
    assert backup.restore(tmp_path / "b", tmp_path / "bare", SECRET)  # without lists the old one is enough
    assert contents(Keyring(Home.open(tmp_path / "bare"))).keys() == before.keys()
    with pytest.raises(KeyMissingError, match=f"another master key than this backup.*{master.NEW_VARIABLE}"):
        backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=lists)
    assert not (tmp_path / "new").exists()
    monkeypatch.setenv(master.NEW_VARIABLE, master.encoded(NEW))
    backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=lists)
    monkeypatch.delenv(master.NEW_VARIABLE)
    if not is_in_file:
        monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(NEW))
    home = Home.open(tmp_path / "new")
    assert before.items() <= contents(Keyring(home)).items() and ErasedList(home, Keyring(home)).entries() == [ENTRY]
    assert opened(home, old, Keyring(home).purposes()) == [] and AuditLog(home, Keyring(home)).verify()[1] == []
