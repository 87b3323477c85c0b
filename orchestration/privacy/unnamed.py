"""Purposes that rows have and that their source, or the house, names no more: since when, and until when they wait.

Keep out: marking these rows and taking them out (lapses.py, withdrawal.py).
What is noted (`ops/unnamed.json`) are names, times and counts. Where the note is lost, terms begin anew.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from orchestration.home import Home, write_durably
from orchestration.privacy.policy import Policy


@dataclass(frozen=True)
class Unnamed:
    """A purpose named no more. Times are ISO 8601, naive UTC; `rows` of lake and quarantine had it when last asked."""

    source: str
    purpose: str
    since: str
    until: str
    rows: int

    def is_over(self, at: datetime) -> bool:
        """Whether its term has ended at an instant (naive UTC)."""
        return datetime.fromisoformat(self.until) <= at


def standing(home: Home, policy: Policy) -> list[Unnamed]:
    """Every one that is noted, by source and purpose."""
    path = _noted(home)
    told = json.loads(path.read_text()) if path.exists() else []
    term = timedelta(days=policy.unnamed_days)
    return [Unnamed(**of, until=(datetime.fromisoformat(of["since"]) + term).isoformat()) for of in told]


def note(home: Home, rows: Mapping[tuple[str, str], int], at: datetime) -> None:
    """Write down which there are at an instant (naive UTC), by source and purpose, with their rows.

    What is noted already keeps its time.
    """
    path = _noted(home)
    before = json.loads(path.read_text()) if path.exists() else []
    since = {(of["source"], of["purpose"]): of["since"] for of in before}
    found = [
        {"source": source, "purpose": purpose, "since": since.get((source, purpose), at.isoformat()), "rows": n}
        for (source, purpose), n in sorted(rows.items())
    ]
    if found != before:
        write_durably(path, json.dumps(found, indent=1).encode())


def forget_ended(home: Home, policy: Policy, at: datetime) -> None:
    """Those whose term is over are noted no more: their rows are gone."""
    note(home, {(w.source, w.purpose): w.rows for w in standing(home, policy) if not w.is_over(at)}, at)


def _noted(home: Home) -> Path:
    return home.folder("ops") / "unnamed.json"
