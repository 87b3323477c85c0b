"""Evidence of what is proved when it happens.

The last access, erasure, rotation, canaries, kept for the privacy checks.

Keep out: checks that every run proves (audit.py).
"""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orchestration.home import Home, now, write_durably

ROOT = Path(__file__).parents[2]
# What persons' data passes through besides the house's own code.
ENGINES = ("duckdb", "pyarrow", "dlt", "dagster", "dbt-core", "dbt-duckdb", "great-expectations")


def note(home: Home, check_id: str, checked: int, failed: int, told: str, of: str | None = None) -> None:
    """Keep the newest proof of a check, without values; `of`: the code it was proved of, and holds for."""
    found = noted(home)
    at = now().replace(tzinfo=None).isoformat()
    found[check_id] = {"at": at, "checked": checked, "failed": failed, "told": told, "of": of}
    write_durably(home.folder("ops") / "evidence.json", json.dumps(found, indent=1).encode())


@cache
def code() -> str:
    """Digest of the code and engines that are installed: what a proof of a release holds for."""
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in ENGINES).encode())
    for folder in ("orchestration", "dbt_project", "expectations"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sql", ".yml") and path.name != "manifest.json":
                digest.update(str(path.relative_to(ROOT)).encode() + b"\x1f" + path.read_bytes())
    return digest.hexdigest()[:12]


def noted(home: Home) -> dict[str, Any]:
    """The newest proof by check: at, checked, failed, told."""
    path = home.folder("ops") / "evidence.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
