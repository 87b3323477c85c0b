"""Evidence of what is proved when it happens: the last access, erasure and rotation, kept for the privacy checks.

Keep out: checks that every run proves (audit.py).
"""

import json
from typing import Any

from orchestration.home import Home, now, write_durably


def note(home: Home, check_id: str, checked: int, failed: int, told: str) -> None:
    """Keep the newest proof of a check, without values."""
    found = noted(home)
    found[check_id] = {"at": now().replace(tzinfo=None).isoformat(), "checked": checked, "failed": failed, "told": told}
    write_durably(home.folder("ops") / "evidence.json", json.dumps(found, indent=1).encode())


def noted(home: Home) -> dict[str, Any]:
    """The newest proof by check: at, checked, failed, told."""
    path = home.folder("ops") / "evidence.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
