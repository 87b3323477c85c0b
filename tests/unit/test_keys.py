"""The keyring. Keep out: what keys are used for."""

import base64
import os
import stat
from pathlib import Path

import pytest

from orchestration.errors import KeyMissingError
from orchestration.home import Home
from orchestration.privacy.keys import Keyring
from orchestration.privacy.master import COMMAND_VARIABLE, MASTER_VARIABLE
from tests.house import TestHouse


@pytest.fixture(autouse=True)
def _no_master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MASTER_VARIABLE, raising=False)
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)


def test_keys_are_stable_random_and_never_in_the_clear(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    first = Keyring(home)
    assert first.created_master is not None
    key = first.key("lake")
    again = Keyring(home)
    assert again.created_master is None
    assert again.key("lake") == key != again.key("vault")
    ring = (home.root / "keys" / "keyring.json").read_bytes()
    assert key not in ring and base64.b64encode(key) not in ring and key.hex().encode() not in ring
    assert stat.S_IMODE(first.created_master.stat().st_mode) == 0o600


def test_a_lost_master_key_is_named_and_no_new_one_is_made(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    Keyring(home).key("lake")
    (home.root / "keys" / "master.key").unlink()
    with pytest.raises(KeyMissingError, match=r"master\.key"):
        Keyring(home)


def test_another_master_key_does_not_open_the_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.open(tmp_path)
    Keyring(home).key("lake")
    monkeypatch.setenv(MASTER_VARIABLE, base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(KeyMissingError, match="does not open"):
        Keyring(home)


def test_a_master_key_of_the_wrong_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MASTER_VARIABLE, base64.b64encode(b"short").decode())
    with pytest.raises(KeyMissingError, match="32 bytes"):
        Keyring(Home.open(tmp_path))


def test_a_program_may_give_the_master_key_and_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, asked = tmp_path / "key client", tmp_path / "asked"
    client.write_text(f"#!/bin/sh\necho x >> '{asked}'\necho '{base64.b64encode(os.urandom(32)).decode()}'\n")
    client.chmod(0o700)
    monkeypatch.setenv(COMMAND_VARIABLE, f"'{client}' --for voicehouse")
    home = Home.open(tmp_path / "home")
    first = Keyring(home)
    assert first.created_master is None and not (home.root / "keys" / "master.key").exists()
    assert Keyring(home).key("lake") == first.key("lake")
    assert asked.read_text() == "x\n"
    monkeypatch.delenv(COMMAND_VARIABLE)
    with pytest.raises(KeyMissingError, match=COMMAND_VARIABLE):
        Keyring(home)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("sh -c 'echo 13800138000 >&2; echo 13800138000; exit 7'", "code 7"),
        ("/no/such/client", "FileNotFoundError"),
        ("an 'open quote", "ValueError"),
        ("echo 13800138000", "32 bytes"),
    ],
)
def test_a_program_that_gives_no_key_is_told_without_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, words: str
) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, command)
    home = Home.open(tmp_path)
    with pytest.raises(KeyMissingError, match=words) as told:
        Keyring(home)
    assert "13800138000" not in str(told.value)
    assert not list((home.root / "keys").iterdir())


def test_a_dropped_key_is_gone(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    ring = Keyring(home)
    key = ring.key("landing:x")
    ring.drop("landing:x")
    assert "landing:x" not in Keyring(home).purposes()
    assert Keyring(home).key("landing:x") != key


def test_keys_that_another_keyring_made_meanwhile_are_kept(house: TestHouse) -> None:
    one, other = Keyring(house.home), Keyring(house.home)
    lake = one.key("lake")
    assert other.key("vault") and other.key("lake") == lake
    other.drop("vault")
    one.key("warehouse")
    assert Keyring(house.home).purposes() == ["lake", "warehouse"] and Keyring(house.home).key("lake") == lake
