"""The doctor finds each thing that is wrong, says what to do, changes nothing; docs/operate.md speaks of every finding.

Keep out: how things are mended.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import doctor, engine, pipeline, running
from orchestration.cli import main
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.messages import catalogue, translated
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.master import Change
from tests.house import TestHouse, write_source

CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at from rows"


def found(home: Home) -> dict[str, str]:
    """Code and level of every finding."""
    return {f.as_row()["code"]: f.level for f in doctor.examine(home.root)}


@pytest.fixture
def sound(house: TestHouse) -> TestHouse:
    """A home with nothing to worry about."""
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", '{"id": "1", "at": "2025-01-01"}\n')
    house.take("desk")
    for path in house.home.root.rglob("*"):
        if path.relative_to(house.home.root).parts[0] != "serving":
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert found(house.home) == {"master_in_home": "note"}
    return house


def open_to_all(house: TestHouse) -> None:
    path = house.home.root / "warehouse.duckdb"
    path.touch()
    path.chmod(0o644)  # whatever the umask is


def die_while_writing(house: TestHouse) -> None:
    code = (
        "import os, signal\nfrom orchestration.home import Home\nfrom orchestration.pipeline import Outcomes\n"
        f"home = Home.open({str(house.home.root)!r})\n"
        "with home.writing('run r1'):\n    Outcomes(home, 'r1').begin()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode < 0


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text)
    path.chmod(0o600)


HARM: dict[str, Callable[[TestHouse], object]] = {
    "zone": lambda h: write(h.home.root / "house.toml", 'reporting_tz = "Mars/Olympus"'),
    "settings": lambda h: write(h.home.root / "house.toml", "= ="),
    "format": lambda h: write(h.home.root / "format.json", '{"format": 99}'),
    "keyring_gone": lambda h: (h.home.root / "keys" / "keyring.json").unlink(),
    "keys": lambda h: (h.home.root / "keys" / "master.key").unlink(),
    "master_changing": lambda h: Change(h.keyring.master, os.urandom(32), True).note(h.home.root / "keys"),
    "permissions": open_to_all,
    "leftovers": lambda h: write(h.home.root / "tmp" / "spill", "x"),
    "vault_gone": lambda h: (h.home.root / "vault" / "vault.duckdb").unlink(),
    "vault_closed": lambda h: (h.home.root / "vault" / "vault.duckdb").write_bytes(os.urandom(20_000)),
    "vault_old": lambda h: write(h.home.root / "vault" / "generation.json", '{"generation": 99}'),
    "lake_gone": lambda h: next(h.home.lake.glob("case/source=*/load=*/part-*.parquet")).unlink(),
    "died": die_while_writing,
    "stale_lock": die_while_writing,
    "no_inbox": lambda h: h.inbox.rename(h.inbox.with_name("moved")),
    "sources": lambda h: write(h.sources / "desk" / "source.toml", "purposes = ["),
    "quarantine": lambda h: write(h.home.root / "quarantine" / "l" / "case-0.json", "{}"),
    "withdrawn": lambda h: write(h.home.serving / "withdrawn.json", "{}"),
    "alerts": lambda h: write(h.home.root / "ops" / "alerts.json", '{"told": {}, "problem": "refused"}'),
}


def test_a_home_that_has_run_nothing_yet_is_well_however_often_it_is_asked(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["--home", str(tmp_path / "new"), "init"]).exit_code == 0
    new = Home.open(tmp_path / "new")
    for _ in range(2):
        assert "error" not in found(new).values()


@pytest.mark.parametrize("code", HARM)
def test_what_is_wrong_is_found_with_what_to_do(sound: TestHouse, code: str) -> None:
    HARM[code](sound)
    before = {
        p: p.stat().st_mtime_ns for p in sound.home.root.rglob("*") if p.is_file() and "extensions" not in p.parts
    }
    seen = found(sound.home)
    assert code in seen and seen[code] != "note"
    after = {p: p.stat().st_mtime_ns for p in sound.home.root.rglob("*") if p.is_file() and "extensions" not in p.parts}
    assert after == before  # an examination mends nothing


def test_the_commands_that_are_told_close_what_is_open_and_open_nothing(sound: TestHouse) -> None:
    root = sound.home.root
    for name, mode in {"kpi.duckdb": 0o640, "team.duckdb": 0o600}.items():
        (sound.home.serving / name).touch()
        (sound.home.serving / name).chmod(mode)
    root.chmod(0o710)
    sound.home.serving.chmod(0o750)
    closed = {path: path.stat().st_mode for path in (root, *root.rglob("*"))}
    for path in closed:
        path.chmod(0o777 if path.is_dir() else 0o666)
    (finding,) = (f for f in doctor.examine(root) if f.as_row()["code"] == "permissions")
    assert finding.as_row()["values"]["n"] == len(closed)
    _, _, commands = finding.told.partition(": chmod")
    for command in re.split(r", then |; ", "chmod" + commands):
        subprocess.run(["/bin/sh", "-c", command], check=True)
    assert {path: path.stat().st_mode & 0o077 for path in closed} == {p: m & 0o077 for p, m in closed.items()}
    assert "permissions" not in found(sound.home)


@pytest.mark.parametrize("has_news", [True, False])
def test_a_run_names_the_load_and_kind_whose_file_is_gone(sound: TestHouse, has_news: bool) -> None:
    HARM["lake_gone"](sound)
    (load,) = {c.stem for c in (sound.home.lake / "_commits").glob("*.json")}
    if has_news:
        sound.drop("rows_2.jsonl", '{"id": "2", "at": "2025-01-02"}\n')
    with pytest.raises(VoicehouseError, match=f"first case/source=desk/load={load}/part-.*from a backup") as told:
        sound.take("desk")
    assert translated(str(told.value), "zh") != str(told.value)


@pytest.mark.parametrize("has_news", [True, False])
@pytest.mark.parametrize(("code", "why"), [("vault_gone", "the vault is gone"), ("vault_old", "vault is older")])
def test_a_run_stops_where_the_vault_is_not_the_one_the_lake_was_written_with(
    sound: TestHouse, code: str, why: str, has_news: bool
) -> None:
    HARM[code](sound)
    if has_news:
        sound.drop("rows_2.jsonl", '{"id": "2", "at": "2025-01-02"}\n')
    with pytest.raises(VoicehouseError, match=why):
        sound.take("desk")


def test_the_ledger_is_told_where_a_file_of_the_lake_is_gone(sound: TestHouse) -> None:
    HARM["lake_gone"](sound)
    (line,) = running._exact_ledger(sound.home)
    assert line[:4] == ("desk", 1, 1, 1)


def test_the_clock_the_disk_and_two_masters_are_looked_at(sound: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2020-01-01T00:00:00Z")
    assert found(sound.home)["clock"] == "error"
    monkeypatch.delenv("VOICEHOUSE_CLOCK")
    monkeypatch.setenv("VOICEHOUSE_MASTER_KEY", (sound.home.root / "keys" / "master.key").read_text().strip())
    assert found(sound.home) == {"two_masters": "warning"}
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 60)
    assert found(sound.home)["disk"] == "error"


def test_who_writes_now_is_told_and_nothing_of_it_is_taken_for_a_leftover(sound: TestHouse) -> None:
    with sound.home.writing("run r1"):
        pipeline.Outcomes(sound.home, "r1").begin()
        (sound.home.temp / "spill").touch(0o600)
        assert found(sound.home)["writing"] == "note"
        assert not {"died", "leftovers", "stale_lock"} & set(found(sound.home))


def test_a_stale_source_is_told(sound: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sound.sources / "desk" / "source.toml"
    path.write_text("expected_every_hours = 1\n" + path.read_text())
    monkeypatch.setenv("VOICEHOUSE_CLOCK", time.strftime("%Y-12-31T23:00:00Z", time.gmtime(time.time() + 4e7)))
    assert found(sound.home)["stale_source"] == "warning"


def test_backups_past_their_term_are_told_since_nobody_but_people_deletes_them(
    sound: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(sound.home, sound.keyring)
    for at in ("2030-01-01", "2030-01-02", "2030-02-01"):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"{at}T00:00:00Z")
        log.append("backup", files=9)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2030-01-31T23:00:00Z")
    assert "backups_old" not in found(sound.home)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2030-02-02T01:00:00Z")
    (told,) = [f for f in doctor.examine(sound.home.root) if f.key == "doctor.backups_old"]
    assert told.level == "note" and told.as_row()["code"] == "backups_old"
    assert (told.values["old"], told.values["young"], told.values["newest"]) == (2, 1, "2030-02-01")


def test_the_machine_is_looked_at_without_a_home_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PYTHON", ((4, 0), (5, 0)))
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "lock.txt")
    (tmp_path / "lock.txt").write_text(
        "no-such-package==1 \\\n    --hash=sha256:1\nclick==0.1 \\\n    --hash=sha256:1\n"
    )
    monkeypatch.setattr(doctor, "available_timezones", lambda: set())
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: "ANSI_X3.4-1968")
    seen = {f.as_row()["code"]: f.level for f in doctor.examine(tmp_path / "home")}
    expected = {"no_home": "warning", "python": "error", "packages_missing": "error", "packages_other": "warning"}
    assert seen == {**expected, "no_zones": "error", "encoding": "warning"}
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("package", ["httpfs", "postgres"])
def test_an_extension_that_does_not_load_is_told(
    sound: TestHouse, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = engine._extension
    monkeypatch.setattr(engine, "_extension", lambda p: Path("nowhere") / p if p == package else there(p))
    (told,) = [f for f in doctor.examine(sound.home.root) if f.key == "doctor.extension"]
    row = told.as_row()
    assert (row["code"], row["level"]) == ("extension", "error")
    assert row["values"] == {"package": f"duckdb-extension-{package}"}


def test_the_lock_file_is_read_with_its_markers() -> None:
    lines = doctor.locked(doctor.LOCK.read_text(encoding="utf-8"))
    names = {name for name, _, _ in lines}
    assert {"duckdb", "dagster", "click"} <= names and len(names) > 150
    assert any("sys_platform" in marker or "python" in marker for _, _, marker in lines)


def test_the_command_ends_with_a_code_and_json(sound: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(sound.home.root))
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 0
    (sound.home.root / "keys" / "keyring.json").unlink()
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert done.exit_code == 1 and json.loads(done.stdout)[0]["code"] == "keyring_gone"


def test_every_finding_has_its_test() -> None:
    code = Path(doctor.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'"(?:error|warning|note)"(?: if [^,]+ else "warning")?, "doctor\.(\w+)"', code))
    told = {k.partition(".")[2] for k in catalogue("en") if k.startswith("doctor.")}
    assert codes == told - {"help", "is_error", "is_warning", "is_note", "well"}
    tested = Path(__file__).read_text(encoding="utf-8")
    assert not [c for c in codes if f'"{c}"' not in tested]
