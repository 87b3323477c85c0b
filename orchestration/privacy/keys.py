"""The keyring: random keys, one per purpose and version, wrapped by the master key.

Keep out: what the keys are used for.
"""

import base64
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestration.errors import KeyMissingError
from orchestration.home import Home, now, place_durably, write_durably
from orchestration.privacy import master
from orchestration.privacy.master import COMMAND_VARIABLE, MASTER_VARIABLE

MASTER = "master"  # among the days on which keys were made


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
        self._keys: dict[str, list[bytes]] = {}
        given = master.given()
        self.is_master_in_home = given is None
        with self.alone():
            self.master = given or self._of_the_home()
            self._read()

    def _read(self) -> None:
        """The ring as it is on disk: before every change, so that keys another process made meanwhile are kept."""
        change = self.change
        self._masters = [change.new, change.old] if change else [self.master]  # the first wraps
        self._complete()
        if self._ring.exists():
            ring = json.loads(self._ring.read_text())
            self._keys = {purpose: [self.unwrap(purpose, w) for w in wrapped] for purpose, wrapped in ring.items()}

    def _of_the_home(self) -> bytes:
        """The master key that lies in the home, made on the first run."""
        path = self._folder / master.FILE
        if not path.exists():
            if self._ring.exists():
                raise KeyMissingError(
                    f"the keyring is there but its master key is not: put it back at {path.name} in the home's keys "
                    f"folder, or set {MASTER_VARIABLE} or {COMMAND_VARIABLE}"
                )
            master.write(self._folder, secrets.token_bytes(32))
            self.note_master_made()
            self.created_master = path
        return master.decoded(path.read_text())

    def wrap(self, purpose: str, key: bytes) -> str:
        """A key as text that only the master key opens, bound to its purpose."""
        return master.wrap(self._masters[0], purpose, key)

    def unwrap(self, purpose: str, wrapped: str) -> bytes:
        """The key behind `wrap`'s text. Raises KeyMissingError when the master key is another."""
        return master.unwrap(self._masters, purpose, wrapped)

    @property
    def change(self) -> master.Change | None:
        """The change of the master key that was begun and has not ended."""
        return master.waiting(self._folder, self.master)

    def adopt(self, chosen: bytes) -> int:
        """Wrap every key of the ring with one of the two masters of a change; returns how many keys.

        The caller is alone until the change has ended.
        """
        self._read()
        self.master = chosen
        self._masters.sort(key=lambda m: m != chosen)
        self._save()
        return sum(len(keys) for keys in self._keys.values())

    def key(self, purpose: str) -> bytes:
        """The newest key for a purpose, 32 bytes; made and written durably at first use."""
        if purpose not in self._keys:
            with self.alone():
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
        with self.alone():
            self._read()
            if self._keys.pop(purpose, None) is not None:
                self._save()

    @contextmanager
    def alone(self) -> Iterator[None]:
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
        """Finish a rotation whose commit is there; returns whether one was finished.

        Does the same whoever calls it and however often: what was moved is not there to be moved again.
        """
        with self.alone():
            return self._complete()

    def _complete(self) -> bool:
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
        self._note_made(made)
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
        self._note_made(made)

    def made_on(self, purpose: str) -> str | None:
        """The day on which the newest version of a key was made (ISO 8601); None for keys older than this record.

        MASTER is the master key, as far as it was made here or changed here.
        """
        dates = self._made().get(purpose)
        return dates[-1] if dates else None

    def _made(self) -> dict[str, list[str | None]]:
        path = self._ring.with_name("made.json")
        found: dict[str, list[str | None]] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def note_master_made(self) -> None:
        """The master key is of today."""
        self._note_made({**self._made(), MASTER: [now().date().isoformat()]})

    def _note_made(self, made: Mapping[str, list[str | None]]) -> None:
        write_durably(self._ring.with_name("made.json"), json.dumps(made, indent=1).encode())
