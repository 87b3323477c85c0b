"""Changing the master key: every key unwrapped and wrapped anew, no data rewritten, nothing left for the old one.

Keep out: where a master key comes from (master.py), replacing the keys themselves (rotation.py).
A change is noted first, each of the two sealed by the other; from then on both open the home, until all is wrapped by
the new one and the note goes. Before it only the old one opens, after it only the new one. Cut short in between, the
next call goes on. What has copies of the ring from before (backups) opens with the old one, and its keys stay in use:
rotation.py replaces those.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from orchestration.errors import KeyMissingError, UsedWronglyError
from orchestration.home import Home, sync_folder, write_durably
from orchestration.privacy import erased, master
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.master import Change
from orchestration.privacy.policy import Policy


@dataclass(frozen=True)
class Rewrapped:
    """What a change came to. `opened_by_old`: keys that the old master key opens still.

    `backups`: how many the audit log knows of, `newest_backup` the day of the newest, `backups_gone` when it is past
    its term.
    """

    keys: int
    opened_by_old: int
    in_file: bool
    backups: int
    newest_backup: str | None
    backups_gone: str | None

    @property
    def is_sound(self) -> bool:
        return not self.opened_by_old


def plan(keyring: Keyring) -> Change:
    """The change to make: the one that was begun, unless another new master key is given; else a new one.

    Raises KeyMissingError where the master key is kept outside the home and no new one is given, UsedWronglyError
    where the one of now is given.
    """
    given, begun = master.new_given(), keyring.change
    if begun and (given == begun.new or (given is None and (begun.in_file or keyring.master == begun.new))):
        return begun
    if given is None and begun:
        raise KeyMissingError(
            "a change of the master key was begun with a new one that lies outside the home: give it again by "
            f"{master.NEW_VARIABLE} or {master.NEW_COMMAND_VARIABLE}"
        )
    if given is None and not keyring.is_master_in_home:
        raise KeyMissingError(
            "the master key is kept outside this home, and so is the next: keep a new one there first, then give it by "
            f"{master.NEW_VARIABLE} or {master.NEW_COMMAND_VARIABLE}"
        )
    if given == keyring.master:
        raise UsedWronglyError("the new master key is the one of now: give another")
    return Change(keyring.master, given or secrets.token_bytes(32), keyring.is_master_in_home)


def keys(home: Home, keyring: Keyring) -> int:
    """How many keys the master key wraps: every version in the ring, and that of the lists of persons erased."""
    return sum(keyring.version(p) for p in keyring.purposes()) + _list_key(home).exists()


def rewrap(home: Home, keyring: Keyring) -> Rewrapped:
    """Change the master key, or end a change that was begun. The caller holds the home's lock.

    Raises what `plan` does, before anything is changed.
    """
    log, chosen = AuditLog(home, keyring), plan(keyring)
    log.append("rewrap begun", in_file=chosen.in_file, goes_on=chosen == keyring.change)
    keyring.abandon()  # a rotation that waits holds keys wrapped by the old one
    with keyring.alone():
        begun = keyring.change
        if begun and begun != chosen:
            _settle(home, keyring, begun, keyring.master)
        if begun != chosen:
            chosen.note(home.folder("keys"))
        wrapped = _settle(home, keyring, chosen, chosen.new)
    backups = log.backups()
    newest = backups[-1] if backups else None
    done = Rewrapped(
        wrapped,
        opened_by(home, chosen.old),
        chosen.in_file,
        len(backups),
        newest.isoformat() if newest else None,
        (newest + timedelta(days=Policy.of(home).backup_days)).isoformat() if newest else None,
    )
    log.append("rewrap", keys=done.keys, opened_by_old=done.opened_by_old, in_file=done.in_file)
    return done


def _settle(home: Home, keyring: Keyring, change: Change, chosen: bytes) -> int:
    """End a change with one of its two master keys; does the same however often it was cut short."""
    folder, lists, file = home.folder("keys"), _list_key(home), home.folder("keys") / master.FILE
    other = change.old if chosen == change.new else change.new
    wrapped = keyring.adopt(chosen)
    if lists.exists():
        key = keyring.unwrap(erased.KEY, json.loads(lists.read_text())["key"])
        write_durably(lists, json.dumps({"key": keyring.wrap(erased.KEY, key)}).encode())
        wrapped += 1
    if change.in_file:
        master.write(folder, chosen)
    elif file.exists() and file.read_text().strip() == master.encoded(other):
        file.unlink()  # kept outside the home, and left here
    if chosen == change.new:
        keyring.note_master_made()
    # What deaths left half written may hold what the old one opens.
    for draft in (*folder.glob(".*.draft"), *lists.parent.glob(".*.draft")):
        draft.unlink(missing_ok=True)
    sync_folder(folder)  # before the note goes
    (folder / master.CHANGE).unlink()
    sync_folder(folder)
    return wrapped


def opened_by(home: Home, key: bytes) -> int:
    """How many keys of the home a master key opens."""
    ring, lists = home.folder("keys") / "keyring.json", _list_key(home)
    wrapped = json.loads(ring.read_text()) if ring.exists() else {}
    if lists.exists():
        wrapped[erased.KEY] = [json.loads(lists.read_text())["key"]]
    return sum(_opens(key, purpose, w) for purpose, of in wrapped.items() for w in of)


def opens_lists(home: Home, keyring: Keyring) -> bool:
    """Whether the lists of persons erased, where there are any, open with the home's master key."""
    lists = _list_key(home)
    return not lists.exists() or _opens(keyring.master, erased.KEY, json.loads(lists.read_text())["key"])


def _opens(key: bytes, purpose: str, wrapped: str) -> bool:
    try:
        return bool(master.unwrap([key], purpose, wrapped))
    except KeyMissingError:
        return False


def _list_key(home: Home) -> Path:
    return home.root / "erased" / erased.KEY_FILE
