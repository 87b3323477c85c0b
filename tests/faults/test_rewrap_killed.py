"""`keys rewrap`, killed wherever it touches a file of keys: a master key opens all of it, and the next call ends it.

Keep out: what a change does that nobody kills (tests/integration/test_rewrap.py).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration import doctor
from orchestration.errors import KeyMissingError
from orchestration.home import Home
from orchestration.privacy import master, rewrap
from orchestration.privacy.erased import Erased, ErasedList
from orchestration.privacy.keys import Keyring
from tests.faults.test_two_at_once import ROOT
from tests.house import TestHouse
from tests.wrapped import opened

OLD, NEW = b"\1" * 32, b"\2" * 32
ENTRY = Erased("R1", "2025-01-02T00:00:00", ("one",), ("email\x1fhash",))
# Reads `home step` from its input; a fork of it changes that home's master key and dies before the event of that number
# that touches a file below keys/ or erased/. Answers how it ended.
CHILD = """
import os, signal, sys
from pathlib import Path
from orchestration.home import Home
from orchestration.privacy.keys import Keyring
from orchestration.privacy import rewrap

def dying(root, step):
    folders = [str(root / name) for name in ("keys", "erased")]
    left = iter(range(step))
    def hook(event, args):
        if event in ("open", "os.rename", "os.remove", "os.chmod") and str(args[0]).startswith(tuple(folders)):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
    return hook

for line in sys.stdin:
    root, step = line.rsplit(" ", 1)
    child = os.fork()
    if not child:
        home = Home.open(root)
        with home.writing("keys rewrap"):
            keyring = Keyring(home)
            sys.addaudithook(dying(home.root, int(step)))
            rewrap.rewrap(home, keyring)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def changing() -> Iterator[subprocess.Popen[str]]:
    """The process that forks those who die."""
    started = subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=ROOT, env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield started
    finally:
        started.communicate(timeout=60)


def contents(home: Home) -> dict[str, list[bytes]] | None:
    """The keys by purpose and who was erased, or None where the master key at hand does not open them all."""
    try:
        keyring = Keyring(home)
        return {p: keyring.versions(p) for p in keyring.purposes()} if ErasedList(home, keyring).entries() else {}
    except KeyMissingError:
        return None


@pytest.mark.parametrize("is_in_file", [True, False])
def test_killed_anywhere_the_home_opens_with_the_old_or_the_new_master_key_says_so_and_the_next_call_ends_it(
    house: TestHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_in_file: bool
) -> None:
    if not is_in_file:
        (house.home.root / "keys" / master.FILE).unlink()
        monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(OLD))
        monkeypatch.setenv(master.NEW_VARIABLE, master.encoded(NEW))
        house.keyring = Keyring(house.home)
    for purpose in ("lake", "vault", "audit", "landing:1"):
        house.keyring.key(purpose)
    ErasedList(house.home, house.keyring).add(ENTRY)
    before, old = contents(house.home), house.keyring.master
    assert before
    purposes, states = ["landing:2", *before], []
    with changing() as forking:
        assert forking.stdin and forking.stdout
        for step in range(1000):
            home = Home(Path(shutil.copytree(house.home.root, tmp_path / "died" / "home")))
            forking.stdin.write(f"{home.root} {step}\n")
            forking.stdin.flush()
            code = int(forking.stdout.readline())
            opens = {}
            for name, key in {"old": OLD, "new": NEW}.items():
                if not is_in_file:
                    monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(key))
                opens[name] = contents(home)
            assert all(keys in (before, None) for keys in opens.values()) and any(opens.values())
            if not is_in_file:
                monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(NEW if opens["new"] else OLD))
            is_between = bool(Keyring(home).change)
            states.append("between" if is_between else "new" if not rewrap.opened_by(home, old) else "old")
            assert is_in_file or [n for n in opens if opens[n]] == (["old", "new"] if is_between else [states[-1]])
            said = {f.as_row()["code"] for f in doctor.examine(home.root)}
            assert ("master_changing" in said) is is_between
            made = Keyring(home).key("landing:2")
            if states[-1] != "new":
                assert rewrap.rewrap(home, Keyring(home)).is_sound
            monkeypatch.setenv(master.MASTER_VARIABLE, master.encoded(NEW))
            if is_in_file:
                monkeypatch.delenv(master.MASTER_VARIABLE)
            assert contents(home) == {**before, "landing:2": [made]}
            assert opened(home, old, purposes) == []
            shutil.rmtree(tmp_path / "died")
            if code == 0:
                break
            assert code == -9
    order = ["old", "between", "new"]
    assert states == sorted(states, key=order.index) and set(states) == set(order) and len(states) > 20
