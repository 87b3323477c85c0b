"""The master key: where it comes from, what it wraps, and which two open a home while one takes the other's place.

Keep out: the keys that it wraps (keys.py), and changing it (rewrap.py).
"""

import base64
import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.errors import KeyMissingError
from orchestration.home import write_durably

MASTER_VARIABLE = "VOICEHOUSE_MASTER_KEY"
COMMAND_VARIABLE = "VOICEHOUSE_MASTER_KEY_COMMAND"
NEW_VARIABLE = "VOICEHOUSE_NEW_MASTER_KEY"
NEW_COMMAND_VARIABLE = "VOICEHOUSE_NEW_MASTER_KEY_COMMAND"
COMMAND_SECONDS = 60
FILE = "master.key"
CHANGE = "master.changing"


@dataclass(frozen=True)
class Change:
    """A change of the master key that was begun: each of the two opens the home until it ends.

    `in_file`: whether the master key is kept in `keys/master.key`.
    """

    old: bytes = field(repr=False)
    new: bytes = field(repr=False)
    in_file: bool

    def note(self, folder: Path) -> None:
        """Begin it durably. Each of the two is sealed by the other: whoever has one has both."""
        sealed = {"old": wrap(self.new, "master.old", self.old), "new": wrap(self.old, "master.new", self.new)}
        write_durably(folder / CHANGE, json.dumps({**sealed, "in_file": self.in_file}).encode())


def waiting(folder: Path, master: bytes) -> Change | None:
    """The change that was begun and has not ended, opened by either of its two; None where there is none.

    Raises KeyMissingError when `master` is neither.
    """
    try:
        noted = json.loads((folder / CHANGE).read_text())
    except FileNotFoundError:
        return None
    with suppress(KeyMissingError):
        return Change(master, unwrap([master], "master.new", noted["new"]), noted["in_file"])
    return Change(unwrap([master], "master.old", noted["old"]), master, noted["in_file"])


def wrap(master: bytes, purpose: str, key: bytes) -> str:
    """A key as text that only the master key opens, bound to its purpose."""
    nonce = secrets.token_bytes(12)
    return base64.b64encode(nonce + AESGCM(master).encrypt(nonce, key, purpose.encode())).decode()


def unwrap(masters: Iterable[bytes], purpose: str, wrapped: str) -> bytes:
    """The key behind `wrap`'s text, by the first that opens it. Raises KeyMissingError when none does."""
    raw = base64.b64decode(wrapped)
    for master in masters:
        with suppress(InvalidTag):
            return AESGCM(master).decrypt(raw[:12], raw[12:], purpose.encode())
    raise KeyMissingError(
        f"the master key does not open this home's keyring: check {MASTER_VARIABLE}, {COMMAND_VARIABLE} or keys/master.key"
    )


def given() -> bytes | None:
    """The master key that a variable holds or a program prints; None where neither is named."""
    told = _told(MASTER_VARIABLE, COMMAND_VARIABLE)
    return decoded(told) if told else None


def new_given() -> bytes | None:
    """The one that is to take its place, given in the same ways; None where none is."""
    told = _told(NEW_VARIABLE, NEW_COMMAND_VARIABLE)
    if told and not _bytes(told):
        raise KeyMissingError(
            f"the new master key ({NEW_VARIABLE} or {NEW_COMMAND_VARIABLE}) is not 32 bytes in base64"
        )
    return _bytes(told) if told else None


def decoded(text: str) -> bytes:
    """The master key from its base64. Raises KeyMissingError when it is none."""
    if found := _bytes(text):
        return found
    raise KeyMissingError(
        f"the master key ({MASTER_VARIABLE}, {COMMAND_VARIABLE} or keys/master.key) is not 32 bytes in base64"
    )


def write(folder: Path, master: bytes) -> None:
    """Keep a master key in the home."""
    write_durably(folder / FILE, encoded(master).encode())


def encoded(master: bytes) -> str:
    """A master key as variables, programs and the file hold it."""
    return base64.b64encode(master).decode()


def _bytes(text: str) -> bytes | None:
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    return found if len(found) == 32 else None


def _told(variable: str, command_variable: str) -> str | None:
    if told := os.environ.get(variable):
        return told
    command = os.environ.get(command_variable)
    return _printed(command, command_variable) if command else None


@cache
def _printed(command: str, variable: str) -> str:
    """What a key service's client prints, asked once a process; no shell reads the command.

    Raises KeyMissingError when it cannot be run, fails or takes longer than COMMAND_SECONDS; what it said is told
    nowhere.
    """
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS)
    except subprocess.CalledProcessError as error:
        raise KeyMissingError(
            f"the command in {variable} ended with code {error.returncode}: run it by hand to see why"
        ) from None
    except subprocess.TimeoutExpired:
        raise KeyMissingError(
            f"the command in {variable} gave no key within {COMMAND_SECONDS} seconds: run it by hand to see why"
        ) from None
    except (OSError, ValueError) as error:
        raise KeyMissingError(
            f"the command in {variable} cannot be run ({type(error).__name__}): give a program's path and its arguments"
        ) from None
    return done.stdout.strip()
