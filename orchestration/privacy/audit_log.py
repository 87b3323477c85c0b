"""The audit log: who did what to persons' data, when and why, as a chain of keyed hashes that shows every change.

Keep out: identities (lines carry counts, ids of requests and keyed tags) and the privacy checks (audit.py).
A line is on the disk before `append` returns; `head.json` beside it tells where the chain ends, so that lines cut off
its end are missed too.
"""

import fcntl
import getpass
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from orchestration.home import Home, now, sync_folder, write_durably
from orchestration.privacy.keys import Keyring

KEY = "audit"
START = "0" * 64
KEPT_DAYS = 3 * 365


def actor() -> str:
    """Who is at work: VOICEHOUSE_ACTOR, else the account of this machine."""
    return os.environ.get("VOICEHOUSE_ACTOR") or getpass.getuser()


class AuditLog:
    """The audit log of one home: `audit/log.jsonl`, one JSON object a line."""

    def __init__(self, home: Home, keyring: Keyring):
        self._path = home.folder("audit") / "log.jsonl"
        self._head = self._path.with_name("head.json")
        self._keyring = keyring

    def append(self, action: str, **facts: Any) -> int:
        """Add a line durably; returns its number. `facts` are names, counts and codes, never values of somebody's data."""
        with (self._path.with_name("lock")).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            head = self._read_head()
            line: dict[str, Any] = {
                "number": head["number"] + 1,
                "at": now().isoformat(),
                "actor": actor(),
                "action": action,
                "facts": facts,
                "key_version": self._keyring.version(KEY),
                "previous": head["hash"],
            }
            line["hash"] = self._hash(line)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # A line cut short by a death is finished, not continued: the chain goes on behind it.
                torn = os.fstat(handle).st_size and not self._path.read_bytes().endswith(b"\n")
                os.write(handle, (b"\n" if torn else b"") + json.dumps(line, ensure_ascii=False).encode() + b"\n")
                os.fsync(handle)
            finally:
                os.close(handle)
            sync_folder(self._path.parent)
            generation = facts.get("vault_generation", head["vault_generation"])
            end = {"number": line["number"], "hash": line["hash"], "vault_generation": generation}
            self._write_head({**head, **end})
        return int(line["number"])

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every line that can be read, oldest first."""
        if self._path.exists():
            for raw in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    yield json.loads(raw)
                except json.JSONDecodeError:
                    yield {"number": -1, "hash": "", "previous": "", "facts": {}, "action": "", "key_version": 1}

    def verify(self) -> tuple[int, list[str]]:
        """Lines read, and what is wrong with the chain: lines changed, missing or out of order; empty when all is well."""
        wrong, previous, number = [], START, 0
        lines, head = list(self.lines()), self._read_head()
        if lines and head["seal"] != self._seal(head):
            wrong.append("the head was changed")
        for n, line in enumerate(lines, 1):
            if n == 1 and line["number"] == head["first"]:  # those before it have gone with their term
                previous, number = line["previous"], line["number"] - 1
            if line["number"] != number + 1 or line["previous"] != previous:
                wrong.append(f"line {n}: a line before it is missing or out of order")
            if not hmac.compare_digest(line["hash"], self._hash(line)):
                wrong.append(f"line {n}: it was changed")
            previous, number = line["hash"], line["number"]
        if head["number"] != number or head["hash"] != previous:
            wrong.append(f"the chain ends at line {number}, its head tells {head['number']}")
        return len(lines), wrong

    def newest(self, action: str) -> dict[str, Any] | None:
        """The facts of the newest line of an action."""
        found = [line for line in self.lines() if line["action"] == action]
        return found[-1] if found else None

    def count_since(self, action: str, hours: int) -> int:
        """How many lines of an action the actor of now wrote in the last hours."""
        since = (now() - timedelta(hours=hours)).isoformat()
        return sum(x["action"] == action and x["actor"] == actor() and x["at"] >= since for x in self.lines())

    def expire(self, days: int = KEPT_DAYS) -> int:
        """Drop lines past their term from the front of the chain; returns how many."""
        limit = (now() - timedelta(days=days)).isoformat()
        kept = list(self.lines())
        gone = 0
        while gone < len(kept) - 1 and kept[gone]["at"] < limit:
            gone += 1
        if gone:
            body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept[gone:])
            # The head first: a death in between leaves a chain that tells of it, not one that hides it.
            self._write_head({**self._read_head(), "first": kept[gone]["number"]})
            write_durably(self._path, body.encode())
        return gone

    def _read_head(self) -> dict[str, Any]:
        found: dict[str, Any] = (
            json.loads(self._head.read_text())
            if self._head.exists()
            else {"first": 1, "number": 0, "hash": START, "vault_generation": 0, "seal": ""}
        )
        return found

    def _write_head(self, head: dict[str, Any]) -> None:
        write_durably(self._head, json.dumps({**head, "seal": self._seal(head)}).encode())

    def _seal(self, head: dict[str, Any]) -> str:
        content = json.dumps({k: v for k, v in head.items() if k != "seal"}, sort_keys=True)
        return hmac.new(self._keyring.versions(KEY)[0], content.encode(), hashlib.sha256).hexdigest()

    def _hash(self, line: dict[str, Any]) -> str:
        key = self._keyring.versions(KEY)[int(line["key_version"]) - 1]
        content = json.dumps({k: v for k, v in line.items() if k != "hash"}, sort_keys=True, ensure_ascii=False)
        return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()


def tag(keyring: Keyring, value: str) -> str:
    """A keyed tag that lets audit lines about one subject be found, by whoever has the key and the subject's id."""
    return hmac.new(keyring.versions(KEY)[0], value.encode(), hashlib.sha256).hexdigest()[:16]
