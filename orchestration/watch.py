"""What in a home deserves somebody's attention: sources without news, runs that failed or died, targets missed.

Keep out: telling anybody (alerts.py, commands/). Everything here is names, times and counts.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from orchestration import pipeline
from orchestration.engine import open_read_only
from orchestration.home import Home, now
from orchestration.lake import promote, stage
from orchestration.lake.store import read_commits
from orchestration.landing import pages
from orchestration.privacy import incidents as register
from orchestration.privacy import unnamed
from orchestration.privacy.policy import Policy

SLA_METRIC = "sla_attainment"


@dataclass(frozen=True)
class Freshness:
    """When a source last brought something new, and whether that is longer ago than it says of itself."""

    source: str
    newest_load_at: str | None  # ISO 8601, UTC
    expected_every_hours: float | None
    is_stale: bool


@dataclass(frozen=True)
class Breach:
    """The newest complete period of a grain in which a share of cases under SLA missed its target."""

    metric_id: str
    variant: str
    period_grain: str
    period_start: str


def freshness(home: Home) -> list[Freshness]:
    """Every active source; one that does not say how often it has news is never stale."""
    newest: dict[str, str] = {}
    for commit in read_commits(home, "_commits"):
        if not commit.get("operation"):  # what rewrites the lake brings no news
            newest[commit["source"]] = max(commit["loaded_at"], newest.get(commit["source"], ""))
    runs = pipeline.run_history(home)
    found = []
    for name, settings in pipeline.sources(home).items():
        hours, seen = settings.expected_every_hours, newest.get(name)
        # A source that never brought anything is waited for since the home's first run.
        since = datetime.fromisoformat(seen or runs[0]["started_at"]).replace(tzinfo=None) if seen or runs else None
        is_stale = bool(hours and since and since + timedelta(hours=hours) < now().replace(tzinfo=None))
        found.append(Freshness(name, seen, hours, is_stale))
    return found


def died(home: Home) -> list[str]:
    """Runs that began and neither ended nor go on: their processes were killed."""
    if home.holder():
        return []
    return sorted(p.stem for p in home.folder("ops", "outcomes").glob("*.json"))


def incidents(home: Home) -> list[dict[str, Any]]:
    """Incidents, oldest first: what was withdrawn from serving and why, and what people wrote down."""
    return [{**i.begun, **i.as_row()} for i in register.listed(home)]


def breaches(home: Home) -> list[Breach]:
    """SLA targets missed by the whole company in the newest complete week and month that are published."""
    path = home.serving / "kpi.duckdb"
    if not path.exists():
        return []
    try:
        with open_read_only(path) as con:
            rows = con.execute(
                """
                SELECT metric_id, variant, period_grain, strftime(period_start, '%Y-%m-%d') FROM (
                    SELECT *, row_number() OVER (PARTITION BY variant, period_grain ORDER BY period_start DESC) AS n
                    FROM kpi_values WHERE metric_id = ? AND breakdown = '' AND period_grain IN ('week', 'month')
                    AND is_complete_period AND target_value IS NOT NULL)
                WHERE n = 1 AND value IS NOT NULL AND target_status = 'missed' ORDER BY ALL
                """,
                [SLA_METRIC],
            ).fetchall()
    except duckdb.Error:
        return []  # what cannot be read is withdrawn by the next run
    return [Breach(*row) for row in rows]


def status(home: Home) -> dict[str, Any]:
    """All of it, for people and machines."""
    served = home.folder("ops") / "served.json"
    notice = home.root / "serving" / "withdrawn.json"
    history = pipeline.run_history(home)
    return {
        "home": str(home.root),
        "writing_now": home.holder(),
        "waiting_loads": [
            load.load_id
            for name in pipeline.sources(home)
            for load in pages.loads(home, name)
            if not promote.is_committed(home, load.load_id)
        ],
        "staged_loads": [m.load_id for m in stage.staged(home)],
        "quarantined_batches": len(list(home.folder("quarantine").glob("*/*.json"))),
        "sources": [asdict(f) for f in freshness(home)],
        "broken_sources": pipeline.broken_sources(home),
        "stale_sources": [f.source for f in freshness(home) if f.is_stale],
        "last_runs": history[-5:],
        "died_runs": died(home),
        "served": json.loads(served.read_text()) if served.exists() else None,
        "withdrawn": json.loads(notice.read_text()) if notice.exists() else None,
        "incidents": incidents(home)[-5:],
        "unnamed": [asdict(w) for w in unnamed.standing(home, Policy.of(home))],
        "sla_breaches": [asdict(b) for b in breaches(home)],
    }
