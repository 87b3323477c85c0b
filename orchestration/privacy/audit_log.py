"""The audit log: who did what to persons' data, when and why, as a chain of keyed hashes that shows every change.

Keep out: identities (lines carry counts, ids of requests and keyed tags) and the privacy checks (audit.py).
A line is on the disk before `append` returns; `head.json` beside it tells where the chain ends, so that lines cut off
its end are missed too. What other stores tell of the log (log_ends.py) shows one that is gone with its head.
"""

import fcntl
import hashlib
import hmac
import json
import os
import pwd
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from orchestration.home import Home, now, sync_folder, write_durably
from orchestration.privacy import log_ends
from orchestration.privacy.keys import Keyring
from orchestration.privacy.log_ends import FIRST, START

KEY = "audit"
MISSING = "the log is missing"  # the action of a first line where there had been others
FIELDS = {  # of every line; those of earlier releases name no account
    **dict.fromkeys(("at", "actor", "action", "previous", "hash"), str),
    **dict.fromkeys(("number", "key_version"), int),
    "facts": dict,
}
DAMAGED = {"number": -1, "hash": "", "previous": "", "facts": {}, "action": "", "key_version": 1}


def actor() -> str:
    """Who is at work: VOICEHOUSE_ACTOR, taken at its word, else the account."""
    return os.environ.get("VOICEHOUSE_ACTOR") or account()


def account() -> str:
    """The account under which this process runs, by the machine, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's number without a name
        return str(os.getuid())


class AuditLog:
    """The audit log of one home: `audit/log.jsonl`, one JSON object a line."""

    def __init__(self, home: Home, keyring: Keyring):
        self._home = home
        self._path = home.folder("audit") / "log.jsonl"
        self._head = self._path.with_name("head.json")
        self._keyring = keyring

    def append(self, action: str, **facts: Any) -> int:
        """Add a line durably; returns its number.

        `facts` are names, counts and codes, never values of somebody's data.
        """
        with (self._path.with_name("lock")).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._head.exists() and not self._settled()[0]:
                self._write_head(FIRST)  # a first line without any head would be no one's word
                if self._is_told_elsewhere():
                    self._add(MISSING, {})
            return self._add(action, facts)

    def _is_told_elsewhere(self) -> bool:
        return bool(log_ends.known_generation(self._home) or log_ends.told(self._home))

    def _add(self, action: str, facts: dict[str, Any]) -> int:
        whole, head = self._settled()
        line: dict[str, Any] = {
            "number": head["number"] + 1,
            "at": now().isoformat(),
            "actor": actor(),
            "account": account(),
            "action": action,
            "facts": facts,
            "key_version": self._keyring.version(KEY),
            "previous": head["hash"],
        }
        line["hash"] = self._hash(line)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, len(whole))
            os.write(handle, json.dumps(line, ensure_ascii=False).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(self._path.parent)
        self._write_head({**head, **_end(line, head)})
        return int(line["number"])

    def _settled(self) -> tuple[bytes, dict[str, Any]]:
        """The log and its head as they belong together after a death between their writes, nothing written.

        A line without its end is left out: nobody was answered on it. A whole one that follows the head, by its keyed
        hash, is the new head.
        """
        content = self._path.read_bytes() if self._path.exists() else b""
        whole, head = content[: content.rfind(b"\n") + 1], self._read_head()
        for line in _parsed(whole.rstrip(b"\n").rpartition(b"\n")[2]):
            follows = line["number"] == head["number"] + 1 and line["previous"] == head["hash"]
            if follows and self._is_ours(line):
                head = {**head, **_end(line, head)}
        return whole, head

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every line that can be read, oldest first."""
        if self._path.exists():
            yield from _parsed(self._path.read_bytes())

    def backups(self) -> list[date]:
        """The days on which backups were made, oldest first; no line tells whether they are there still."""
        return [date.fromisoformat(line["at"][:10]) for line in self.lines() if line["action"] == "backup"]

    def verify(self) -> tuple[int, list[str]]:
        """Lines read, and what is wrong: lines changed, missing, out of order, or others than were told of elsewhere.

        Empty when all is well.
        """
        wrong, previous, number = [], START, 0
        whole, head = self._settled()
        lines, written = list(_parsed(whole)), self._read_head()
        if lines and written["seal"] != self._seal(written):
            wrong.append("the head was changed")
        for n, line in enumerate(lines, 1):
            if n == 1 and line["number"] == head["first"]:  # those before it have gone with their term
                previous, number = line["previous"], line["number"] - 1
            if line["number"] != number + 1 or line["previous"] != previous:
                wrong.append(f"line {n}: a line before it is missing or out of order")
            if not self._is_ours(line):
                wrong.append(f"line {n}: it was changed")
            if line["action"] == MISSING:
                wrong.append(f"line {n}: the log had lines before it, and was gone")
            previous, number = line["hash"], line["number"]
        if head["number"] != number or head["hash"] != previous:
            wrong.append(f"the chain ends at line {number}, its head tells {head['number']}")
        if head["vault_generation"] < (known := log_ends.known_generation(self._home)):
            wrong.append(
                f"the log tells of generation {head['vault_generation']} of the vault, other stores of {known}"
            )
        if not self.holds(*log_ends.told(self._home)):
            wrong.append("a privacy report tells of a line that is not in the log")
        return len(lines), wrong

    def end(self) -> dict[str, Any]:
        """Number and hash of the newest line: kept elsewhere, it shows a log that was put back to before it."""
        head = self._settled()[1] if self._path.exists() else self._read_head()
        return {"number": head["number"], "hash": head["hash"]}

    def holds(self, *ends: Mapping[str, Any]) -> bool:
        """Whether every line that `ends` told of is in the log still, or has gone with its term."""
        first, there = self._read_head()["first"], {(x["number"], x["hash"]) for x in self.lines()}
        return all(end["number"] < first or (end["number"], end["hash"]) in there for end in ends)

    def newest(self, action: str) -> dict[str, Any] | None:
        """The facts of the newest line of an action."""
        found = [line for line in self.lines() if line["action"] == action]
        return found[-1] if found else None

    def since(self, action: str, hours: int) -> list[dict[str, Any]]:
        """Lines of an action in the last hours."""
        since = (now() - timedelta(hours=hours)).isoformat()
        return [x for x in self.lines() if x["action"] == action and x["at"] >= since]

    def expire(self, days: int) -> int:
        """Drop lines past their term from the front of the chain; returns how many."""
        limit = (now() - timedelta(days=days)).isoformat()
        kept = list(self.lines())
        gone = 0
        while gone < len(kept) - 1 and kept[gone].get("at", limit) < limit:
            gone += 1
        if gone:
            body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept[gone:])
            # The head first: a death in between leaves a chain that tells of it, not one that hides it.
            self._write_head({**self._read_head(), "first": kept[gone]["number"]})
            write_durably(self._path, body.encode())
        return gone

    def _read_head(self) -> dict[str, Any]:
        return log_ends.read_head(self._home) or FIRST

    def _write_head(self, head: dict[str, Any]) -> None:
        write_durably(self._head, json.dumps({**head, "seal": self._seal(head)}).encode())

    def _seal(self, head: dict[str, Any]) -> str:
        content = json.dumps({k: v for k, v in head.items() if k != "seal"}, sort_keys=True)
        return hmac.new(self._keyring.versions(KEY)[0], content.encode(), hashlib.sha256).hexdigest()

    def _hash(self, line: dict[str, Any]) -> str:
        key = self._keyring.versions(KEY)[int(line["key_version"]) - 1]
        content = json.dumps({k: v for k, v in line.items() if k != "hash"}, sort_keys=True, ensure_ascii=False)
        return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()

    def _is_ours(self, line: dict[str, Any]) -> bool:
        """Whether a line bears the hash that the key it names gives it."""
        is_known = 0 < line["key_version"] <= self._keyring.version(KEY)
        return is_known and hmac.compare_digest(line["hash"].encode(), self._hash(line).encode())


def _parsed(content: bytes) -> Iterator[dict[str, Any]]:
    """The lines, and DAMAGED for each that is none."""
    for raw in content.splitlines():
        try:
            line = json.loads(raw)
            is_line = all(isinstance(line[name], kind) for name, kind in FIELDS.items())
            datetime.fromisoformat(line["at"])
        except (ValueError, TypeError, LookupError):  # no JSON, no UTF-8, no object, no time
            is_line = False
        yield line if is_line else dict(DAMAGED)


def _end(line: dict[str, Any], head: dict[str, Any]) -> dict[str, Any]:
    """What the head tells of the last line."""
    generation = line["facts"].get("vault_generation", head["vault_generation"])
    return {"number": line["number"], "hash": line["hash"], "vault_generation": generation}


def tag(keyring: Keyring, value: str) -> str:
    """A keyed tag that lets audit lines about one subject be found, by whoever has the key and the subject's id."""
    return hmac.new(keyring.versions(KEY)[0], value.encode(), hashlib.sha256).hexdigest()[:16]
