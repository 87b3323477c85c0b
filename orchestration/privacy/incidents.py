"""The register of incidents: what happened to persons' data, whom it touches, when it has to be told, how it ended.

Keep out: what is sent to an authority (serving/notification.py). One line a step in `ops/incidents.jsonl`, and one in
the audit log: names, counts and what people wrote, never anybody's data. Terms are defaults for a lawyer to confirm.
"""

import json
import secrets
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.errors import VoicehouseError
from orchestration.home import Home, append_durably, now, read_lines
from orchestration.lake import quarantine
from orchestration.landing import pages
from orchestration.privacy import reached, reports
from orchestration.privacy.affected import affected
from orchestration.privacy.audit_log import AuditLog, actor
from orchestration.privacy.keys import Keyring

HOURS = 72  # GDPR 33(1), from the moment somebody knew; PIPL 57 says at once
# By law: hours from that moment, and what says so. Of other laws a default; where none is known, the stricter.
TERMS = {
    "EU": (HOURS, "GDPR 33(1)"),
    "CN": (0, "PIPL 57"),
    "other": (HOURS, "–"),
    "unknown": (0, "PIPL 57, GDPR 33(1)"),
}


@dataclass(frozen=True)
class Incident:
    """One incident. Times are ISO 8601, UTC; `lines`: its steps as the register has them, oldest first."""

    number: str
    lines: tuple[dict[str, Any], ...]

    @property
    def begun(self) -> dict[str, Any]:
        """How it came into the register: `opened` by somebody, or `withdrawn`: a check of what was served failed."""
        return self.lines[0]

    @property
    def noticed_at(self) -> str:
        return str(self.begun.get("noticed_at", self.begun["at"]))

    @property
    def due_at(self) -> str:
        """When the authority has to know at the latest."""
        return (datetime.fromisoformat(self.noticed_at) + timedelta(hours=HOURS)).isoformat()

    @property
    def hours_left(self) -> float:
        return round((datetime.fromisoformat(self.due_at) - now()).total_seconds() / 3600, 1)

    @property
    def scope(self) -> dict[str, Any] | None:
        """What it touches, as counted last."""
        return next((line["scope"] for line in reversed(self.lines) if line["what"] == "scoped"), None)

    @property
    def removed(self) -> list[str]:
        """What was taken away, by name; of a withdrawal that was cut short nothing is known."""
        return next((line["removed"] for line in reversed(self.lines) if "removed" in line), [])

    def terms(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        """By law of the persons in the stores counted.

        How many, until when their authority has to know, what says so.
        """
        noticed = datetime.fromisoformat(self.noticed_at)
        return [
            {"law": law, "persons": n, "due_at": (noticed + timedelta(hours=hours)).isoformat(), "ground": ground}
            for law, n in scope["persons_by_law"].items()
            for hours, ground in (TERMS[law],)
        ]

    @property
    def closed(self) -> dict[str, Any] | None:
        return next((line for line in self.lines if line["what"] == "closed"), None)

    @property
    def told(self) -> str:
        """In a few words: what somebody wrote, or the checks that failed."""
        return str(self.begun.get("reason") or ", ".join(self.begun.get("failed", ())))

    def as_row(self) -> dict[str, Any]:
        """For lists."""
        return {
            "incident": self.number,
            "what": self.begun["what"],
            "told": self.told,
            "ticket": self.begun.get("ticket"),
            "noticed_at": self.noticed_at,
            "due_at": self.due_at,
            "hours_left": None if self.closed else self.hours_left,
            "persons": self.scope["persons"] if self.scope else None,
            "exported": sum(line["what"] == "exported" for line in self.lines),
            "outcome": self.closed["outcome"] if self.closed else None,
        }


def listed(home: Home, open_only: bool = False) -> list[Incident]:
    """Every incident, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in read_lines(home.folder("ops") / "incidents.jsonl"):
        found.setdefault(line["incident"], []).append(line)
    every = [Incident(number, tuple(lines)) for number, lines in found.items()]
    return [i for i in every if not (open_only and i.closed)]


def find(home: Home, number: str) -> Incident:
    """An incident that is not closed. Raises VoicehouseError when there is none of that number."""
    for incident in listed(home, open_only=True):
        if incident.number == number:
            return incident
    raise VoicehouseError(f"no incident {number} is open: see `voicehouse privacy incident list`")


def draft(**facts: Any) -> Incident:
    """An incident as it would be opened; nothing is written down."""
    return Incident("-", ({"at": facts["noticed_at"], "what": "opened", **facts},))


def begin(home: Home, keyring: Keyring, what: str, **facts: Any) -> Incident:
    """Write a new incident down: `opened` by somebody, or `withdrawn`. The caller holds the home's lock."""
    number = f"I{now():%Y%m%d}-{secrets.token_hex(3)}"
    return Incident(number, (_note(home, keyring, number, what, facts, facts),))


def withdrawing(home: Home, keyring: Keyring, content: str, **facts: Any) -> Incident:
    """The incident of figures that are being withdrawn: one, however often that is cut short.

    `content`: digest of their file. The caller holds the home's lock.
    """
    for incident in listed(home, open_only=True):
        has_ended = any("removed" in line for line in incident.lines)
        if incident.begun["what"] == "withdrawn" and incident.begun.get("content") == content and not has_ended:
            return incident
    return begin(home, keyring, "withdrawn", content=content, **facts)


def moment(noticed_at: datetime | None) -> str:
    """When somebody knew; not later than now. Raises VoicehouseError when it lies ahead."""
    if noticed_at and noticed_at > now():
        raise VoicehouseError("an incident was noticed in the past: --noticed-at lies ahead")
    return (noticed_at or now()).isoformat()


def scope(
    home: Home,
    keyring: Keyring,
    since: datetime | None,
    until: datetime | None,
    sources: Collection[str] = (),
    kinds: Collection[str] = (),
    loads: Collection[str] = (),
    stores: Collection[str] = (),
) -> dict[str, Any]:
    """What lay in the house or left it between two moments (UTC).

    Rows and persons, sealed pages, exports, files served.
    `reached` says by store (those of `stores`; all unless told) how many of these rows and persons it holds; `persons`,
    `persons_by_law` and `minors` are those of these stores together. Rows and persons that were deleted since are in no
    count. Only counts, names and times.
    """
    found = affected(home, keyring, since, until, sources, kinds, loads)
    about = reached.Concerned(since, until, sources, kinds, loads)
    held = reached.count(home, keyring, about, stores)
    whom = {name: held.pop(name) for name in ("persons", "persons_by_law", "minors")}
    found |= {**whom, "reached": held}
    in_time = [
        line for line in AuditLog(home, keyring).lines()
        if line["number"] > 0 and about.holds(datetime.fromisoformat(line["at"]))
    ]  # fmt: skip
    exports: Counter[tuple[str, str]] = Counter()
    for line in in_time:
        if line["action"] == "export":
            exports[(line["facts"]["recipient"], line["facts"]["dataset"])] += line["facts"]["rows"]
    names = sources or pages.sources(home)
    waiting = {
        name: sum(about.has_come(name, x.load_id, x.started_at.replace(tzinfo=UTC)) for x in pages.loads(home, name))
        for name in sorted(names)
    }
    waits: Counter[str] = Counter()
    for batch in quarantine.batches(home):
        came = datetime.fromisoformat(batch["loaded_at"]).replace(tzinfo=UTC)
        if about.has_come(batch["source"], batch["load_id"], came):
            waits[batch["source"]] += batch["part"]["rows"]
    return {
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "sources": sorted(sources),
        "kinds": sorted(kinds),
        "loads": sorted(loads),
        **found,
        "sealed_loads": {name: n for name, n in waiting.items() if n},
        "quarantined_rows": dict(sorted(waits.items())),
        "exports": [{"recipient": r, "dataset": d, "rows": n} for (r, d), n in sorted(exports.items())],
        "actions": dict(sorted(Counter(line["action"] for line in in_time).items())),
        "served": [p.name for p in sorted(home.serving.glob("*.duckdb"))],
        "published": [t for t in _published(home) if about.holds(datetime.fromisoformat(t))],
    }


def keep_removed(home: Home, keyring: Keyring, incident: Incident, removed: list[str]) -> None:
    """Write down what was taken away."""
    _note(home, keyring, incident.number, "removed", {"removed": removed}, {"removed": removed})


def keep_scope(home: Home, keyring: Keyring, incident: Incident, found: dict[str, Any]) -> None:
    """Write a scope into the register."""
    counts = {name: found[name] for name in ("since", "until", "sources", "kinds", "loads", "persons", "staff")}
    counts |= {"rows": sum(r["n"] for r in found["rows"]), "stores": [s["store"] for s in found["reached"]["stores"]]}
    _note(home, keyring, incident.number, "scoped", {"scope": found}, counts)


def keep_export(home: Home, keyring: Keyring, incident: Incident, name: str, sha256: str) -> None:
    """Write down that the material was made."""
    facts = {"file": name, "sha256": sha256}
    _note(home, keyring, incident.number, "exported", facts, facts)


def close(home: Home, keyring: Keyring, incident: Incident, outcome: str) -> None:
    """End an incident; GDPR 33(5): facts, effects and remedies stay on file."""
    _note(home, keyring, incident.number, "closed", {"outcome": outcome}, {"outcome": outcome})


def _note(
    home: Home, keyring: Keyring, number: str, what: str, facts: dict[str, Any], audited: dict[str, Any]
) -> dict[str, Any]:
    """A step: the audit line first, then the line of the register, durably."""
    at = now().isoformat()
    AuditLog(home, keyring).append(f"incident {what}", incident=number, **audited)
    line = {"at": at, "incident": number, "what": what, "by": actor(), **facts}
    append_durably(home.folder("ops") / "incidents.jsonl", line)
    return dict(json.loads(json.dumps(line, default=str)))


def _published(home: Home) -> list[str]:
    """When figures were published, ISO 8601, UTC: by the names of the reports of each publication."""
    return sorted({reports.published_at(path).isoformat() for path in reports.every(home)})
