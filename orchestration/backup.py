"""A home in one sealed file, and back: consistent under the writer's lock, streamed, never in the clear on a disk.

Keep out: what stores mean, and the erasures that a restored home has to be shown (privacy/).

The file: a line of JSON (format, key derivation, salt, when), then chunks of a zstd-packed tar, each sealed with
AES-256-GCM under a key of this file alone. A chunk's nonce counts, and tells the last one from the others; the first
line is bound to every chunk. So nothing can be cut off, moved or exchanged unseen.
"""

import io
import json
import os
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from orchestration.errors import ContractError, KeyMissingError, VoicehouseError
from orchestration.formats import FORMATS, HOME
from orchestration.home import Home, now, sync_folder
from orchestration.privacy import answers, erasure, master, restriction, rewrap, roles, withdrawal
from orchestration.privacy import erased as erased_lists
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.serving import publish
from orchestration.sources.registry import discover

FORMAT = "voicehouse-backup-1"
CHUNK = 1 << 20
TAG = 16
SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}  # 128 MB and about half a second a guess
SHORTEST = 12  # characters of a passphrase

# What a home makes anew by itself, what belongs to one process, and what must outlive every backup: the list of erased
# persons, which is put beside the home by the restorer and never comes from a backup.
LEFT_OUT = ("tmp", "lock", "extensions", "dbt", "dagster", "erased")
LOOKS_BACK = "known_at"  # made again when asked for: nobody has to be erased in them
ANSWERS = (answers.TO_PERSONS, answers.TO_JOBS)  # for one reader, who may ask again

Say = Callable[[int, int], Any]  # bytes done, bytes in all


@dataclass(frozen=True)
class Secret:
    """What seals a backup: a passphrase, or the bytes of a key file (32 random bytes in it do best)."""

    value: bytes
    is_passphrase: bool

    def key(self, head: dict[str, Any]) -> bytes:
        """The key of one file, by what its first line says."""
        salt = bytes.fromhex(head["salt"])
        if head["kdf"] == "scrypt":
            return Scrypt(salt=salt, length=32, **SCRYPT).derive(self.value)
        return HKDF(hashes.SHA256(), 32, salt, FORMAT.encode()).derive(self.value)


@dataclass(frozen=True)
class Backup:
    """What a backup holds."""

    made_at: str
    files: int
    size: int
    erasures: int = 0  # done again while it was restored
    withdrawals: int = 0  # rows that rest on a consent taken back since
    restrictions: int = 0  # rows of persons who restricted or objected since
    unplaced: tuple[str, ...] = ()  # requests to restrict, and objections, of whom the backup knows nobody


def passphrase(value: str) -> Secret:
    """Raises VoicehouseError when it is too short to protect anything."""
    if len(value) < SHORTEST:
        raise VoicehouseError(f"a passphrase has at least {SHORTEST} characters")
    return Secret(value.encode(), True)


def key_file(path: Path) -> Secret:
    """Raises KeyMissingError when the file is not there or holds less than 32 bytes."""
    try:
        value = path.read_bytes()
    except OSError:
        raise KeyMissingError("the key file cannot be read") from None
    if len(value) < 32:
        raise KeyMissingError("a key file holds at least 32 bytes: head -c 32 /dev/urandom > FILE makes one")
    return Secret(value, False)


def write(home: Home, target: Path, secret: Secret, progress: Say | None = None) -> Backup:
    """Write the home to `target`; the home's writers wait meanwhile. The file appears when it is whole.

    Raises VoicehouseError when the target is there already or lies in the home.
    """
    target = target.resolve()
    if target.exists():
        raise VoicehouseError("the backup's file is there already: name another")
    if target.is_relative_to(home.root):
        raise VoicehouseError("a backup inside the home would be lost with it: name a place elsewhere")
    draft = target.with_name(f".{target.name}.draft")
    head = {
        "format": FORMAT,
        "kdf": "scrypt" if secret.is_passphrase else "hkdf",
        "salt": secrets.token_hex(16),
        "made_at": now().isoformat(),
        "home_format": FORMATS[HOME],
    }
    try:
        with home.writing("backup"):
            if Keyring(home).change:  # its note would tell the new master key to whoever has the old one
                raise VoicehouseError(
                    "a change of the master key was begun: end it first, with `voicehouse keys rewrap --role engineer`"
                )
            files = list(_files(home))
            total, done = sum(p.stat().st_size for p in files), 0
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as raw:
                sealed = _Sealing(raw, secret, head)
                with (
                    zstandard.ZstdCompressor(level=3).stream_writer(cast(IO[bytes], sealed), closefd=False) as packed,
                    tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
                ):
                    for path in _folders(home):
                        archive.add(path, str(path.relative_to(home.root)), recursive=False)
                    for path in files:
                        archive.add(path, str(path.relative_to(home.root)), recursive=False)
                        done += path.stat().st_size
                        if progress:
                            progress(done, total)
                sealed.finish()
                raw.flush()
                os.fsync(raw.fileno())
            # Where it lies is nobody's business here; that it is there has to be known when persons ask, or something
            # happened.
            AuditLog(home, Keyring(home)).append("backup", files=len(files))
        os.replace(draft, target)
        sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    return Backup(str(head["made_at"]), len(files), target.stat().st_size)


def restore(
    source: Path,
    root: Path,
    secret: Secret,
    progress: Say | None = None,
    erased: Path | None = None,
    role: str = "engineer",
) -> Backup:
    """Make a home at `root` from a backup.

    It appears when it is whole, and has forgotten what was to be forgotten since.
    `erased`: the folder with the lists of erased persons and withdrawn consents, as it was last; the home appears with
    it, and with their words done again: nobody opens a store of it before.
    `role`: in which role one asks; who has it stands in the backup's own policy.toml.
    The audit log that comes with it gets a line of who put it back, and with which lists.
    Raises VoicehouseError when something is at `root` or `erased` is another folder, KeyMissingError when the secret
    does not open the file, or the home's master key is not there.
    """
    if erased and any(erased.iterdir()) and not (erased / erased_lists.KEY_FILE).exists():
        raise VoicehouseError("the folder given with --erased holds no lists of a home: name its erased/ folder itself")
    root = root.resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise VoicehouseError("there is a home (or something else) already: restore writes over nothing")
    draft = root.with_name(f".{root.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with _open(source) as raw:
            total = source.stat().st_size
            opened = _Opening(raw, secret)
            draft.mkdir(mode=0o700, parents=True)
            files = 0
            with zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], opened), closefd=False) as packed:
                with tarfile.open(fileobj=packed, mode="r|") as archive:
                    for member in archive:
                        archive.extract(member, draft, filter=_inside)
                        files += member.isfile()
                        if progress:
                            progress(raw.tell(), total)
                opened.drain(packed)
        draft.chmod(0o710)
        with suppress(ContractError):  # of an older release, with settings that this one does not have: told when used
            if reason := roles.refusal(Home(draft), role, "restore"):
                raise roles.NotAllowedError(reason)
        for name in LEFT_OUT:
            if (draft / name).exists():
                raise VoicehouseError(f"the backup holds '{name}', which no backup of ours does")
        shutil.rmtree(draft / LOOKS_BACK, ignore_errors=True)  # of a backup that an earlier release made
        again: tuple[int, int, int, tuple[str, ...]] = (0, 0, 0, ())
        if erased:
            shutil.copytree(erased, draft / "erased")
        keyring = _opened(Home(draft))
        if erased:
            again = _forget_again(Home.open(draft), keyring)
        AuditLog(Home(draft), keyring).append(
            "restore",
            role=role,
            made_at=str(opened.head["made_at"]),
            lists=bool(erased),
            **dict(zip(("erasures", "withdrawals", "restrictions"), again, strict=False)),
        )
        if root.exists():
            root.rmdir()
        os.replace(draft, root)
        sync_folder(root.parent)
    except (tarfile.TarError, zstandard.ZstdError):
        raise VoicehouseError("the backup is damaged: nothing was restored") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Backup(str(opened.head["made_at"]), files, total, *again)


def _opened(home: Home) -> Keyring:
    """The keyring of a home that is being restored, its master key changed where a new one is given.

    Raises KeyMissingError where the lists put beside it are under another than the home then is.
    """
    keyring, given = Keyring(home), master.new_given()
    if given not in (None, keyring.master):
        with home.writing("restore"):
            rewrap.rewrap(home, keyring)
    if not rewrap.opens_lists(home, keyring):
        raise KeyMissingError(
            "the lists given with --erased are under another master key than this backup: give that one by "
            f"{master.NEW_VARIABLE} or {master.NEW_COMMAND_VARIABLE}, and the restored home takes it"
        )
    return keyring


def _forget_again(home: Home, keyring: Keyring) -> tuple[int, int, int, tuple[str, ...]]:
    """Erase, withdraw and strike out again in a home that is being restored.

    What it served goes where there was anything to do. Returns how many erasures had work, and how many rows rested on
    a consent withdrawn since or were restricted, and the requests to restrict that found nobody.
    """
    with home.writing("restore"):
        erasures = erasure.reapply_erasures(home, keyring)
        try:
            sources = discover(home, active_only=False)
        except ContractError:  # their folders are not here yet: rows tell their own basis
            sources = {}
        again = withdrawal.reapply(home, keyring, sources)
        struck, unplaced = restriction.reapply(home, keyring)
        if erasures or again.rows or again.purposes or struck:
            # What is on PostgreSQL is another home's as long as this one is not in its place.
            reason = "the home was put back from a backup, and persons were forgotten again"
            publish.withdraw(home, reason, here_only=True)
    return erasures, again.rows, struck, unplaced


def _files(home: Home) -> Iterator[Path]:
    return (p for p in sorted(home.root.rglob("*")) if p.is_file() and not p.is_symlink() and _is_kept(home, p))


def _folders(home: Home) -> Iterator[Path]:
    return (p for p in sorted(home.root.rglob("*")) if p.is_dir() and not p.is_symlink() and _is_kept(home, p))


def _is_kept(home: Home, path: Path) -> bool:
    parts = path.relative_to(home.root).parts
    return parts[0] not in (*LEFT_OUT, LOOKS_BACK) and parts[:2] not in ANSWERS and ".draft" not in path.name


def _inside(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Files and folders below the home, with their modes and nobody's ownership."""
    if not (member.isfile() or member.isdir()):
        raise tarfile.FilterError
    safe = tarfile.data_filter(member, folder)
    return safe.replace(mode=member.mode & 0o750, deep=False)


def _open(source: Path) -> IO[bytes]:
    try:
        return source.open("rb")
    except OSError:
        raise VoicehouseError("the backup cannot be read: is its name right?") from None


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


class _Sealing(io.RawIOBase):
    """A stream that seals what is written to it, chunk by chunk."""

    def __init__(self, raw: IO[bytes], secret: Secret, head: dict[str, Any]):
        self._raw = raw
        self._head = json.dumps(head).encode() + b"\n"
        self._cipher = AESGCM(secret.key(head))
        self._waiting = bytearray()
        self._number = 0
        raw.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        """Seal what is left as the last chunk."""
        self._seal(bytes(self._waiting), True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, is_last: bool) -> None:
        self._raw.write(self._cipher.encrypt(_nonce(self._number, is_last), chunk, self._head))
        self._number += 1


class _Opening(io.RawIOBase):
    """A stream of what was sealed; every byte it gives has been proved."""

    def __init__(self, raw: IO[bytes], secret: Secret):
        self._raw = raw
        self._line = raw.readline(4096)
        try:
            self.head: dict[str, Any] = json.loads(self._line)
            known = self.head["format"] == FORMAT and self.head["kdf"] in ("scrypt", "hkdf")
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise VoicehouseError("this is no backup that this release can read")
        if self.head["home_format"] != FORMATS[HOME]:
            raise VoicehouseError(
                f"the backup is of a home in format {self.head['home_format']}, this release reads {FORMATS[HOME]}: "
                "restore it with the release that wrote it"
            )
        if (self.head["kdf"] == "scrypt") != secret.is_passphrase:
            kind = "a passphrase" if self.head["kdf"] == "scrypt" else "a key file"
            raise KeyMissingError(f"the backup was sealed with {kind}")
        self._cipher = AESGCM(secret.key(self.head))
        self._number = 0
        self._ended = False
        self._next = raw.read(CHUNK + TAG)
        self._ready = memoryview(b"")
        self._advance()  # a wrong secret is told before anything is made

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            self._advance()
        n = min(len(buffer), len(self._ready))
        buffer[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n

    def drain(self, packed: Any) -> None:
        """Read to the end, so that a file cut short is missed."""
        while packed.read(CHUNK):
            pass
        while not self._ended:
            self._advance()

    def _advance(self) -> None:
        chunk, self._next = self._next, self._raw.read(CHUNK + TAG)
        is_last = not self._next
        try:
            self._ready = memoryview(self._cipher.decrypt(_nonce(self._number, is_last), chunk, self._line))
        except InvalidTag:
            if self._number == 0:
                raise KeyMissingError(
                    "the passphrase or key file does not open this backup, or it is damaged"
                ) from None
            raise VoicehouseError("the backup is damaged: nothing was restored") from None
        self._number += 1
        self._ended = is_last
