"""The keyring: random keys, one per purpose and version, wrapped by the master key.

Keep out: what the keys are used for.
"""

import base64
import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.errors import KeyMissingError
from orchestration.home import Home, now, place_durably, write_durably

MASTER_VARIABLE = "VOICEHOUSE_MASTER_KEY"
COMMAND_VARIABLE = "VOICEHOUSE_MASTER_KEY_COMMAND"
COMMAND_SECONDS = 60


class Keyring:
    """Keys of one home. `key(purpose)` gives 32 bytes, the newest version, made at first use.

    The master key comes from VOICEHOUSE_MASTER_KEY (base64, 32 bytes), else from what VOICEHOUSE_MASTER_KEY_COMMAND
    prints (a key service's own client), else from `keys/master.key` (0600), made on the first run. Losing it means: the
    lake, the warehouse, the vault and all sealed pages can no longer be opened.
    """

    def __init__(self, home: Home):
        self._folder = home.folder("keys")
        self._ring = self._folder / "keyring.json"
        self.created_master: Path | None = None
        self._master = self._load_master()
        self._keys: dict[str, list[bytes]] = {}
        self._read()

    def _read(self) -> None:
        """The ring as it is on disk: before every change, so that keys another process made meanwhile are kept."""
        self.complete()
        if self._ring.exists():
            ring = json.loads(self._ring.read_text())
            self._keys = {purpose: [self.unwrap(purpose, w) for w in wrapped] for purpose, wrapped in ring.items()}

    def _load_master(self) -> bytes:
        path = self._folder / "master.key"
        if given := os.environ.get(MASTER_VARIABLE):
            encoded = given
        elif command := os.environ.get(COMMAND_VARIABLE):
            encoded = _printed(command)
        elif path.exists():
            encoded = path.read_text().strip()
        elif self._ring.exists():
            raise KeyMissingError(
                f"the keyring is there but its master key is not: put it back at {path.name} in the home's keys folder, "
                f"or set {MASTER_VARIABLE} or {COMMAND_VARIABLE}"
            )
        else:
            with self._alone():
                if not path.exists():
                    write_durably(path, base64.b64encode(secrets.token_bytes(32)))
                    self.created_master = path
            encoded = path.read_text().strip()
        try:
            master = base64.b64decode(encoded, validate=True)
        except ValueError:
            master = b""
        if len(master) != 32:
            raise KeyMissingError(
                f"the master key ({MASTER_VARIABLE}, {COMMAND_VARIABLE} or keys/master.key) is not 32 bytes in base64"
            )
        return master

    def wrap(self, purpose: str, key: bytes) -> str:
        """A key as text that only the master key opens, bound to its purpose."""
        nonce = secrets.token_bytes(12)
        return base64.b64encode(nonce + AESGCM(self._master).encrypt(nonce, key, purpose.encode())).decode()

    def unwrap(self, purpose: str, wrapped: str) -> bytes:
        """The key behind `wrap`'s text. Raises KeyMissingError when the master key is another."""
        raw = base64.b64decode(wrapped)
        try:
            return AESGCM(self._master).decrypt(raw[:12], raw[12:], purpose.encode())
        except InvalidTag:
            raise KeyMissingError(
                f"the master key does not open this home's keyring: check {MASTER_VARIABLE}, {COMMAND_VARIABLE} or keys/master.key"
            ) from None

    def key(self, purpose: str) -> bytes:
        """The newest key for a purpose, 32 bytes; made and written durably at first use."""
        if purpose not in self._keys:
            with self._alone():
                self._read()
                if purpose not in self._keys:
                    self._keys[purpose] = [secrets.token_bytes(32)]
                    self._save()
        return self._keys[purpose][-1]

    def versions(self, purpose: str) -> list[bytes]:
        """Every version of a key, the oldest first."""
        self.key(purpose)
        return list(self._keys[purpose])

    def hex(self, purpose: str) -> str:
        """The same as 64 hexadecimal digits, for engines that take text."""
        return self.key(purpose).hex()

    def base64(self, purpose: str) -> str:
        """The same in base64."""
        return base64.b64encode(self.key(purpose)).decode()

    def version(self, purpose: str) -> int:
        """How many versions of the key there have been."""
        self.key(purpose)
        return len(self._keys[purpose])

    def drop(self, purpose: str) -> None:
        """Destroy every version of a key: what it sealed can never be opened again."""
        with self._alone():
            self._read()
            if self._keys.pop(purpose, None) is not None:
                self._save()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else makes or drops a key meanwhile: what another process wrote since the ring was read would go."""
        import fcntl

        handle = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def prepare(
        self, fresh: Mapping[str, bytes], replaced: Collection[str], commit: str, moves: Mapping[Path, Path]
    ) -> None:
        """Lay fresh keys beside the ring: they count from the moment the file `commit` (below the home) is there.

        Then the files of `moves` take their places too. Of keys `replaced` the old versions go; the others keep them.
        """
        home = self._folder.parent
        content = {
            "commit": commit,
            "fresh": {purpose: self.wrap(purpose, key) for purpose, key in fresh.items()},
            "replaced": sorted(replaced),
            "moves": [[str(a.relative_to(home)), str(b.relative_to(home))] for a, b in moves.items()],
        }
        write_durably(self._folder / "rotating.json", json.dumps(content).encode())

    def complete(self) -> bool:
        """Finish a rotation whose commit is there, or forget one whose commit never came.

        Returns whether one was finished.
        Does the same whoever calls it and however often: what was moved is not there to be moved again.
        """
        path = self._folder / "rotating.json"
        if not path.exists():
            return False
        home = self._folder.parent
        waiting = json.loads(path.read_text())
        if not (home / waiting["commit"]).exists():
            return False
        for draft, place in waiting["moves"]:
            if (home / draft).exists():
                place_durably(home / draft, home / place)
        ring = json.loads(self._ring.read_text())
        self._keys = {purpose: [self.unwrap(purpose, w) for w in wrapped] for purpose, wrapped in ring.items()}
        for purpose, wrapped in waiting["fresh"].items():
            key = self.unwrap(purpose, wrapped)
            kept = [] if purpose in waiting["replaced"] else self._keys.get(purpose, [])
            if key not in kept:
                self._keys[purpose] = [*kept, key]
        self._save()
        made = self._made()
        for purpose in waiting["fresh"]:
            made[purpose] = [None] * (len(self._keys[purpose]) - 1) + [now().date().isoformat()]
        write_durably(self._ring.with_name("made.json"), json.dumps(made, indent=1).encode())
        path.unlink()
        return True

    def abandon(self) -> None:
        """Remove what a rotation that never came to its commit left behind."""
        path = self._folder / "rotating.json"
        if not self.complete() and path.exists():
            for draft, _ in json.loads(path.read_text())["moves"]:
                (self._folder.parent / draft).unlink(missing_ok=True)
            path.unlink()

    def purposes(self) -> list[str]:
        return sorted(self._keys)

    def _save(self) -> None:
        content = {p: [self.wrap(p, k) for k in ks] for p, ks in sorted(self._keys.items())}
        write_durably(self._ring, json.dumps(content, indent=1).encode())
        made = self._made()
        for purpose, keys in self._keys.items():
            dates = made.setdefault(purpose, [None] * (len(keys) - 1))
            dates.extend([now().date().isoformat()] * (len(keys) - len(dates)))
        write_durably(self._ring.with_name("made.json"), json.dumps(made, indent=1).encode())

    def made_on(self, purpose: str) -> str | None:
        """The day on which the newest version of a key was made (ISO 8601); None for keys older than this record."""
        dates = self._made().get(purpose)
        return dates[-1] if dates else None

    def _made(self) -> dict[str, list[str | None]]:
        path = self._ring.with_name("made.json")
        found: dict[str, list[str | None]] = json.loads(path.read_text()) if path.exists() else {}
        return found


@cache
def _printed(command: str) -> str:
    """What a key service's client prints, asked once a process; no shell reads the command.

    Raises KeyMissingError when it cannot be run, fails or takes longer than COMMAND_SECONDS; what it said is told
    nowhere.
    """
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS)
    except subprocess.CalledProcessError as error:
        raise KeyMissingError(
            f"the command in {COMMAND_VARIABLE} ended with code {error.returncode}: run it by hand to see why"
        ) from None
    except subprocess.TimeoutExpired:
        raise KeyMissingError(
            f"the command in {COMMAND_VARIABLE} gave no key within {COMMAND_SECONDS} seconds: run it by hand to see why"
        ) from None
    except (OSError, ValueError) as error:
        raise KeyMissingError(
            f"the command in {COMMAND_VARIABLE} cannot be run ({type(error).__name__}): give a program's path and its arguments"
        ) from None
    return done.stdout.strip()
