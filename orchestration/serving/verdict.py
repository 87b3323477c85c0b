"""The verdict on what is served: which bytes passed which checks; it stands as long as neither changed.

Keep out: the checks themselves (lake/audit.py, privacy/audit.py, publish.py) and what follows when they fail
(pipeline.py).
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import expectations
from orchestration.home import Home, write_durably
from orchestration.lake import audit
from orchestration.privacy import audit as privacy_audit
from orchestration.privacy import complement, disclosure, plain_sight, redaction, residue, row_level, words
from orchestration.serving import publish


def stands(home: Home, served: Path) -> bool:
    """Whether these very bytes passed the checks of today before: asking again could only say the same."""
    path = _path(home)
    return path.exists() and json.loads(path.read_text()) == _evidence(served)


def keep(home: Home, served: Path) -> None:
    """Note that the file as it lies there passed the checks of today."""
    write_durably(_path(home), json.dumps(_evidence(served)).encode())


def content(served: Path) -> str:
    """SHA-256 of the file; nothing of one that cannot be read."""
    try:
        with served.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return ""


def _path(home: Home) -> Path:
    return home.folder("ops") / "served_verdict.json"


def _evidence(served: Path) -> dict[str, str]:
    """SHA-256 of the file, and of all that judges it."""
    rules = hashlib.sha256(f"{version('great-expectations')} {redaction.version()} {words.version()}".encode())
    for path in [
        *sorted(Path(expectations.__file__).parent.rglob("*.py")),
        Path(audit.__file__),
        Path(privacy_audit.__file__),
        Path(publish.__file__),
        Path(residue.__file__),
        Path(plain_sight.__file__),
        Path(words.__file__),
        Path(disclosure.__file__),
        Path(complement.__file__),
        Path(row_level.__file__),
    ]:
        rules.update(path.name.encode() + b"\x1f" + path.read_bytes())
    return {"content": content(served), "rules": rules.hexdigest()}
