"""Every file that a source could not read wholly, by its keyed id: the sentence of a run names the first few alone.

Keep out: real names, which commands put beside the ids on a terminal (names.py).
"""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from orchestration.home import Home, write_durably


def note(home: Home, source: str, read: AbstractSet[str], told: Sequence[tuple[str, str]]) -> None:
    """Keep what was told of a source's files (keyed id, reason); of those that were read again, only what is new."""
    path = home.folder("ops", "unread") / f"{source}.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    now = [entry for entry in before if entry[0] not in read] + [list(entry) for entry in told]
    if now != before:
        write_durably(path, json.dumps(now, indent=1, ensure_ascii=False).encode())


def listed(home: Home) -> dict[str, list[str]]:
    """By source what was told of each file that has not been read wholly since."""
    found = {}
    for path in sorted((home.root / "ops" / "unread").glob("*.json")):
        reasons = [reason for _, reason in json.loads(path.read_text(encoding="utf-8"))]
        if reasons:
            found[path.stem] = reasons
    return found
