"""A home comes back from its backup as it was, table by table; a backup opens to nobody else and survives no tampering.

Keep out: what stores mean.
"""

import os
import shutil
import stat
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from orchestration import backup, pipeline
from orchestration.cli import main
from orchestration.errors import HomeLockedError, KeyMissingError, VoicehouseError
from orchestration.home import Home, House
from orchestration.lake.store import Lake
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import ErasedList
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS
from tests.faults.traces import found_under
from tests.house import TestHouse, write_source

SECRET = backup.passphrase("correct horse battery")
CASE = """
select _record, raw ->> '$.id' as case_id, '2025-01-01' as opened_at, raw ->> '$.email' as person_email,
    'true' as person_email_verified, raw ->> '$.text' as text, 'CN' as person_country from rows
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with rows in its lake, persons in its vault, a served file and sealed pages; and its inbox and sources."""
    house = TestHouse(tmp_path_factory.mktemp("made"))
    write_source(house.sources, "desk", {"case": CASE})
    lines = "".join(f'{{"id": "{i}", "email": "p{i}@example.org", "text": "t{i}"}}\n' for i in range(200))
    house.drop("rows_1.jsonl", lines)
    house.take("desk")
    with duckdb.connect(str(house.home.serving / "kpi.duckdb")) as con:
        con.execute("create table kpi_values as select 'nps' as metric_id, range as value from range(1000)")
    (house.home.serving / "kpi.duckdb").chmod(0o640)
    return house.home.root.parent


@pytest.fixture
def filled(made: Path, tmp_path: Path) -> TestHouse:
    """A copy of it for one test."""
    shutil.copytree(made, tmp_path / "house")
    house = TestHouse(tmp_path / "house")
    house.home.furnish(House((str(house.sources),), str(house.inbox), "UTC", "internal"), anew=True)
    return house


def tables(home: Home) -> dict[str, list[tuple]]:
    """Every row of every kind in the lake, and of what is served."""
    from orchestration.engine import connect

    con = connect(home.temp)
    try:
        Lake(home, Keyring(home).base64("lake")).register(con)
        found = {k: con.execute(f'select * from lake."{k}" order by all').fetchall() for k in [*KINDS, "_ledger"]}
    finally:
        con.close()
    with duckdb.connect(str(home.serving / "kpi.duckdb"), read_only=True) as con:
        found["kpi_values"] = con.execute("from kpi_values order by all").fetchall()
    return found


def test_a_home_comes_back_table_by_table_and_goes_on(filled: TestHouse, tmp_path: Path) -> None:
    before = tables(filled.home)
    assert len(before["case"]) == 200 and len(before["kpi_values"]) == 1000
    made = backup.write(filled.home, tmp_path / "b", SECRET)
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    shutil.rmtree(filled.home.root)
    done = backup.restore(tmp_path / "b", filled.home.root, SECRET)
    assert done.files == made.files
    home = Home.open(filled.home.root)
    assert tables(home) == before
    assert stat.S_IMODE((home.root / "serving" / "kpi.duckdb").stat().st_mode) == 0o640
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o710
    # Its cursors came back too: what was read is not read again, what is new is, and known persons are known.
    filled.drop("rows_2.jsonl", '{"id": "new", "email": "p1@example.org"}\n')
    filled.take("desk")
    assert filled.ledger()[("case", "promoted", "")] == 201 and ("case", "duplicate", "") not in filled.ledger()
    assert filled.rows('select count(distinct subject_key) from lake."case"') == [(200,)]
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []


def test_nothing_of_the_home_stands_in_the_file_or_beside_it(filled: TestHouse, tmp_path: Path) -> None:
    planted = [(filled.home.root / "keys" / "master.key").read_text().strip(), '"format"', "keyring.json"]
    assert found_under([filled.home.root], planted) == set(planted)  # the control
    (tmp_path / "out").mkdir()
    backup.write(filled.home, tmp_path / "out" / "b", SECRET)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b"]
    body = (tmp_path / "out" / "b").read_bytes().partition(b"\n")[2]
    (tmp_path / "out" / "b").write_bytes(body)  # the first line alone is in the clear: format and salt
    assert found_under([tmp_path / "out"], planted) == set()


def test_what_must_not_come_from_a_backup_is_not_in_it(filled: TestHouse, tmp_path: Path) -> None:
    (filled.home.folder("erased") / "list").write_bytes(b"x")
    (filled.home.folder("known_at") / "2026-01-01T00-00-00.duckdb").write_bytes(b"x")
    backup.write(filled.home, tmp_path / "b", SECRET)
    backup.restore(tmp_path / "b", tmp_path / "new", SECRET)
    for name in (*backup.LEFT_OUT, backup.LOOKS_BACK):
        assert not (tmp_path / "new" / name).exists(), name


def test_a_key_file_does_as_well_and_the_other_kind_of_secret_is_told(filled: TestHouse, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(os.urandom(32))
    secret = backup.key_file(tmp_path / "key")
    backup.write(filled.home, tmp_path / "b", secret)
    with pytest.raises(KeyMissingError, match="sealed with a key file"):
        backup.restore(tmp_path / "b", tmp_path / "new", SECRET)
    (tmp_path / "key").write_bytes(os.urandom(32))
    with pytest.raises(KeyMissingError, match="does not open"):
        backup.restore(tmp_path / "b", tmp_path / "new", backup.key_file(tmp_path / "key"))
    assert not (tmp_path / "new").exists()
    backup.restore(tmp_path / "b", tmp_path / "new", secret)


@pytest.mark.parametrize("harm", ["flip", "cut", "cut_chunk", "swap_head", "append", "empty"])
def test_a_backup_that_was_tampered_with_restores_nothing(filled: TestHouse, tmp_path: Path, harm: str) -> None:
    (filled.home.root / "lake" / "big").write_bytes(os.urandom(3 * backup.CHUNK))
    path = tmp_path / "b"
    backup.write(filled.home, path, SECRET)
    raw = path.read_bytes()
    head, _, body = raw.partition(b"\n")
    sealed = backup.CHUNK + backup.TAG
    assert len(body) > 3 * sealed
    path.write_bytes(
        {
            "flip": raw[: len(head) + 2 * sealed]
            + bytes([raw[len(head) + 2 * sealed] ^ 1])
            + raw[len(head) + 2 * sealed + 1 :],
            "cut": raw[:-100],
            "cut_chunk": head + b"\n" + body[: 2 * sealed],
            "swap_head": head.replace(b'"home_format": 1', b'"home_format":  1') + b"\n" + body,
            "append": raw + b"more",
            "empty": b"",
        }[harm]
    )
    with pytest.raises(VoicehouseError):
        backup.restore(path, tmp_path / "new", SECRET)
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".new*"))


def test_a_restore_writes_over_nothing_and_a_backup_neither(filled: TestHouse, tmp_path: Path) -> None:
    backup.write(filled.home, tmp_path / "b", SECRET)
    with pytest.raises(VoicehouseError, match="already"):
        backup.restore(tmp_path / "b", filled.home.root, SECRET)
    with pytest.raises(VoicehouseError, match="already"):
        backup.write(filled.home, tmp_path / "b", SECRET)
    with pytest.raises(VoicehouseError, match="inside the home"):
        backup.write(filled.home, filled.home.root / "b", SECRET)


def test_a_backup_waits_for_no_writer_but_says_who_writes(filled: TestHouse, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom orchestration.home import Home\n"
        f"with Home.open({str(filled.home.root)!r}).writing('a run'):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None and writer.stdin is not None and writer.stdout.readline() == "held\n"
        with pytest.raises(HomeLockedError, match="a run"):
            backup.write(filled.home, tmp_path / "b", SECRET)
        writer.stdin.close()
    assert not list(tmp_path.glob("*b*.draft"))


@pytest.fixture
def ask(filled: TestHouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "correct horse battery")

    def invoke(home: Path, *arguments: str) -> Result:
        monkeypatch.setenv("VOICEHOUSE_HOME", str(home))
        return CliRunner().invoke(main, [*arguments])

    return invoke


def test_the_commands_go_there_and_back(ask, filled: TestHouse, tmp_path: Path) -> None:
    before = tables(filled.home)
    assert ask(filled.home.root, "backup", str(tmp_path / "b")).exit_code == 0
    lists = filled.home.folder("erased")
    ErasedList(filled.home, filled.keyring)  # its key, which is made with the first list
    other = ask(tmp_path / "new", "restore", str(tmp_path / "b"), "--erased", str(filled.home.root))
    assert other.exit_code == 1 and "its erased/ folder itself" in other.stderr and not (tmp_path / "new").exists()
    done = ask(tmp_path / "new", "restore", str(tmp_path / "b"), "--erased", str(lists))
    assert done.exit_code == 0 and "erased again: 0" in done.stdout, done.output
    new = Home.open(tmp_path / "new")
    assert tables(new) == before and (new.root / "erased" / "key.json").exists()
    line = AuditLog(new, Keyring(new)).newest("restore")
    assert line and line["facts"]["lists"] is True and line["facts"]["erasures"] == 0
    assert AuditLog(new, Keyring(new)).verify()[1] == []
    bare = ["restore", str(tmp_path / "b"), "--without-erased"]
    again = ask(tmp_path / "new", *bare)
    assert again.exit_code == 1 and "writes over nothing" in again.stderr
    missing = ask(tmp_path / "newer", "restore", str(tmp_path / "nothing"), "--without-erased")
    assert missing.exit_code == 1 and "Traceback" not in missing.output


def test_a_restore_is_told_who_was_erased_since_or_that_nobody_says(
    ask, tmp_path: Path, filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(filled.home.root, "backup", str(tmp_path / "b")).exit_code == 0
    restore = ["restore", str(tmp_path / "b")]
    (tmp_path / "erased").mkdir()
    both = ["--erased", str(tmp_path / "erased"), "--without-erased"]
    for given in ([], both):
        done = ask(tmp_path / "new", *restore, *given)
        assert done.exit_code == 2 and "--erased FOLDER" in done.stderr and not (tmp_path / "new").exists()
    done = ask(tmp_path / "new", *restore, "--without-erased")
    line = AuditLog(Home.open(tmp_path / "new"), filled.keyring).newest("restore")
    assert line and line["facts"]["lists"] is False and line["facts"]["role"] == "engineer"
    assert done.exit_code == 0 and "whoever was erased after the backup is back" in done.stdout
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    assert "请说明此后谁被遗忘" in ask(tmp_path / "newer", *restore).stderr


def test_a_wrong_passphrase_is_a_matter_of_keys(
    ask, filled: TestHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(filled.home.root, "backup", str(tmp_path / "b"))
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "another horse battery")
    assert ask(tmp_path / "new", "restore", str(tmp_path / "b"), "--without-erased").exit_code == 4
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "short")
    assert ask(filled.home.root, "backup", str(tmp_path / "c")).exit_code == 1
