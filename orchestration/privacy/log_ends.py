"""What tells of the audit log outside of it: its ends in privacy reports, the vault's generation in marker and commits.

A log deleted, or put back, together with its head shows by them. Keep out: the log itself (audit_log.py).
"""

import json
from typing import Any

from orchestration.home import Home
from orchestration.privacy import reports

START = "0" * 64
FIRST: dict[str, Any] = {"first": 1, "number": 0, "hash": START, "vault_generation": 0, "seal": ""}  # head of no line


def known_generation(home: Home) -> int:
    """The newest generation that anything outside the vault tells of: marker, audit chain, the newest commits."""
    marker = home.folder("vault") / "generation.json"
    told = [json.loads(marker.read_text())["generation"]] if marker.exists() else []
    told.append(read_head(home).get("vault_generation", 0))
    commits = sorted(home.folder("lake", "_commits").glob("*.json"))[-1:]
    return max([*told, *(json.loads(c.read_text()).get("vault_generation", 0) for c in commits)], default=0)


def read_head(home: Home) -> dict[str, Any]:
    """`audit/head.json` as it was written; empty where it is not there, or is none."""
    try:
        found = json.loads((home.folder("audit") / "head.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and FIRST.keys() <= found.keys() else {}


def told(home: Home) -> list[dict[str, Any]]:
    """Every end of the log (number, hash) that a kept privacy report tells of, but those of a log without lines."""
    found = (json.loads(path.read_text()).get("audit_log") for path in reports.every(home))
    return [end for end in found if end and end["number"]]
