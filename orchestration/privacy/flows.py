"""Flows: where persons' data comes from and goes to, over which borders, under which agreement; and who answers for it.

Keep out: legal bases (policy.py) and moving the data. What a flow lacks keeps it from running: pipeline.py asks before
a source is read, serving/export.py before rows leave. Lists and ages are defaults for a lawyer to confirm.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.engine import literal
from orchestration.privacy.policy import EU, Policy
from orchestration.records import KINDS
from orchestration.records.contract import Privacy
from orchestration.sources.contract import Notices, Settings

HOME = "home"  # a source that lies where the house does
ROLES = ("controller", "joint_controller", "processor")
# By the law of the place that data leaves: PIPL 38 and the provisions of 22 March 2024; GDPR 45, 46, 47, 49.
MECHANISMS: dict[str, tuple[str, ...]] = {
    "CN": ("security_assessment", "standard_contract", "certification", "exempt"),
    "EU": ("adequacy", "standard_clauses", "binding_rules", "derogation"),
}
MECHANISMS["other"] = ("none_needed", *MECHANISMS["CN"], *MECHANISMS["EU"])


@dataclass(frozen=True)
class Flow:
    """One way that persons' data takes.

    `name` of the source or recipient, ISO 3166 codes of both ends, the mechanism. `is_unsifted`: rows go as they are,
    those that rest on a consent among them.
    """

    name: str
    start: str
    end: str
    mechanism: str
    is_unsifted: bool = False

    @property
    def crosses(self) -> bool:
        """Whether it leaves a country; the EEA and the United Kingdom count as one."""
        return self.start != self.end and not (self.start in EU and self.end in EU)

    @property
    def leaves_mainland(self) -> bool:
        """Whether what rests on consent takes a separate one (PIPL 39)."""
        return self.crosses and self.start == "CN"

    def missing(self) -> list[str]:
        """What keeps it from running, in sentences."""
        unknown = [p for p in (self.start, self.end) if not re.fullmatch("[A-Z]{2}", p)]
        if unknown:
            return [f"{self.name}: the place of storage is to be a country's code such as CN or DE"]
        law = "CN" if self.start == "CN" else "EU" if self.start in EU else "other"
        if self.crosses and self.mechanism not in MECHANISMS[law]:
            return [
                f"{self.name}: the flow from {self.start} to {self.end} names no mechanism (transfer): "
                f"one of {', '.join(MECHANISMS[law])}"
            ]
        if self.is_unsifted and self.leaves_mainland:
            return [
                f"{self.name}: rows that rest on a consent do not leave the mainland without a separate one (PIPL 39), "
                "and handlers are given all rows: take handlers out, and the next run empties the restricted schema there"
            ]
        return []


def of_source(settings: Settings, policy: Policy) -> Flow:
    """The way from a source's vendor to the house."""
    place = policy.place if settings.place == HOME else settings.place
    return Flow(settings.name, place, policy.place, settings.transfer)


def needs_separate_consent(settings: Settings, policy: Policy) -> bool:
    """Whether what rests on consent leaves the mainland: that takes a separate one, to CROSS_BORDER (PIPL 39)."""
    return not settings.public_set and of_source(settings, policy).leaves_mainland


def of_recipient(name: str, policy: Policy) -> Flow:
    """The way from the house to whom rows are exported, as policy.toml has it under [recipients.<name>]."""
    about = policy.recipients.get(name, {})
    return Flow(name, policy.place, str(about.get("place", "")), str(about.get("transfer", "")))


def reach_sql(name: str, policy: Policy) -> str:
    """SQL on a row `r`: whether it is of the sources and laws that a recipient is listed for; all where none are.

    Of a person whose law is not known nothing goes to a recipient of some laws.
    """
    about = policy.recipients.get(name, {})
    columns = {"source": about.get("sources"), "jurisdiction": about.get("laws")}
    named = (
        f"coalesce(list_contains([{', '.join(map(literal, given))}]::VARCHAR[], r.{column}), false)"
        for column, given in columns.items()
        if given is not None
    )
    return " AND ".join(named) or "true"


def of_server(postgres: Mapping[str, Any], policy: Policy) -> Flow | None:
    """The way to a PostgreSQL that gets what is served, as house.toml has it under [postgres].

    None where it names none.
    """
    if not postgres.get("schema"):
        return None
    place, gives_rows = postgres.get("place", policy.place), bool(postgres.get("handlers"))
    return Flow("[postgres]", policy.place, place, postgres.get("transfer", ""), gives_rows)


def untold(postgres: Mapping[str, Any]) -> list[str]:
    """Whose place nobody told, so that the house's own counts: serving/postgres.py takes this machine alone then."""
    is_told = bool(postgres.get("place")) or not postgres.get("schema")
    return [] if is_told else ["[postgres]: no place is told, so the house's own is taken for it"]


def of_inbox(inbox: str, policy: Policy) -> Flow | None:
    """The way from an object store where files are dropped, as policy.toml has it under [inbox]; None of a folder."""
    if "://" not in inbox or inbox.startswith("file://"):
        return None
    return Flow("[inbox]", str(policy.inbox.get("place", "")), policy.place, str(policy.inbox.get("transfer", "")))


def every(sources: Iterable[Settings], policy: Policy, postgres: Mapping[str, Any], inbox: str = "") -> list[Flow]:
    """Every way that persons' data takes: from sources, from an object store, to recipients, to a server."""
    found = [of_source(s, policy) for s in sources if not s.public_set]
    found += [way for way in [of_inbox(inbox, policy)] if way and found]
    found += [of_recipient(name, policy) for name in policy.recipients]
    return found + [way for way in [of_server(postgres, policy)] if way]


def missing(settings: Settings, policy: Policy) -> list[str]:
    """What keeps a source from running; nothing for a declared public set, which is nobody's delivery."""
    return [] if settings.public_set else [*of_source(settings, policy).missing(), *missing_vendor(settings)]


def missing_vendor(settings: Settings) -> list[str]:
    """What is not on file of a source's vendor: role and agreement (GDPR 28, PIPL 21)."""
    return [] if settings.public_set else _missing_papers_of(settings.name, settings.vendor)


def missing_server(postgres: Mapping[str, Any]) -> list[str]:
    """The same of whoever runs the PostgreSQL, where rows go there; figures alone tell of nobody."""
    if not (postgres.get("schema") and postgres.get("handlers")):
        return []
    return _missing_papers_of("[postgres]", postgres.get("vendor", {}))


def _missing_papers_of(name: str, vendor: Mapping[str, Any]) -> list[str]:
    role, agreement = vendor.get("role", ""), str(vendor.get("agreement", "")).strip()
    if role not in ROLES:
        return [f"{name}: the vendor's role is to be one of {', '.join(ROLES)}"]
    if not agreement or (role == "processor" and agreement == "none needed"):
        return [f"{name}: no agreement with the vendor is on file (vendor.agreement)"]
    return []


def missing_recipient(name: str, policy: Policy) -> list[str]:
    """What keeps rows from leaving for a recipient.

    Not listed, no role, no agreement (GDPR 26, 28; PIPL 20, 21, 23), no way.
    """
    if name not in policy.recipients:
        return [
            f"policy.toml lists no recipient {name}: add [recipients.{name}] with role (one of {', '.join(ROLES)}), "
            "agreement and place"
        ]
    about = policy.recipients[name]
    found = of_recipient(name, policy).missing()
    if about.get("role") not in ROLES:
        found.append(f"policy.toml, [recipients.{name}]: the role is to be one of {', '.join(ROLES)}")
    if str(about.get("agreement", "")).strip() in ("", "none needed"):
        found.append(f"policy.toml, [recipients.{name}]: no agreement is on file (agreement)")
    return found


def missing_papers(sources: Iterable[Settings], policy: Policy, postgres: Mapping[str, Any]) -> list[str]:
    """What is not on file of every vendor, every recipient and the server: roles and agreements (C23)."""
    found = [sentence for s in sources for sentence in missing_vendor(s)] + missing_server(postgres)
    for name in policy.recipients:
        way = of_recipient(name, policy).missing()
        found += [sentence for sentence in missing_recipient(name, policy) if sentence not in way]
    return found


def needs_assessment(sources: Iterable[Settings], policy: Policy) -> list[str]:
    """Why an impact assessment has to be on file: data entrusted, given to others, sent abroad; figures of staff.

    PIPL 55; GDPR 35, for figures of staff by WP248 rev.01 (evaluation of vulnerable data subjects).
    """
    own = [s for s in sources if not s.public_set]
    entrusted = sorted(s.name for s in own if s.vendor.get("role") == "processor")
    abroad = sorted(s.name for s in own if of_source(s, policy).crosses)
    why = {
        "entrusted to processors": entrusted,
        "given to recipients": sorted(policy.recipients) if own else [],
        "sent over a border": abroad,
        "figures of staff": [policy.staff_purpose] if own and policy.staff_purpose else [],
    }
    return [f"{what}: {', '.join(names)}" for what, names in why.items() if names]


def missing_record(sources: Mapping[str, Settings], policy: Policy) -> list[str]:
    """What the record of processing lacks (GDPR 30, 35; PIPL 55, 56), each named."""
    own = [s for s in sources.values() if not s.public_set]
    found = [
        f"policy.toml, [controller]: no {field}"
        for field in ("name", "contact")
        if own and not policy.controller.get(field)
    ]
    for s in own:
        if not policy.purposes_of(s):
            found.append(f"{s.name}: no purpose that the house pursues")
        if unfounded := sorted({p for p in policy.purposes_of(s) for b in [s.basis["other"]] if p not in b}):
            found.append(f"{s.name}: no basis for {', '.join(unfounded)}")
        terms = (s.retention_months, s.text_retention_months, s.identity_retention_months)
        if None in terms and any(KINDS[kind].has_person for kind in s.kinds if kind in KINDS):
            found.append(f"{s.name}: no term of keeping, and it is no public set")
        if not s.vendor.get("name"):
            found.append(f"{s.name}: whom the data comes from is not named")
    if (why := needs_assessment(own, policy)) and not policy.assessment:
        found.append(f"policy.toml, [controller]: no assessment, which is needed ({' and '.join(why)})")
    return found


def record(
    sources: Collection[Settings], policy: Policy, postgres: Mapping[str, Any], inbox: str = ""
) -> dict[str, Any]:
    """The record of processing (GDPR 30, PIPL 55, 56) as settings tell it: no counts, nothing that a run changes."""
    ways = every(sources, policy, postgres, inbox)
    return {
        "controller": dict(policy.controller),
        "place": policy.place,
        "purposes": list(policy.purposes),
        "staff_purpose": policy.staff_purpose,
        "notices": _listed(policy.notices),
        "terms_days": {"landing": policy.landing_days, "quarantine": policy.quarantine_days},
        "needs_assessment": needs_assessment(sources, policy),
        "sources": [_of(s, policy) for s in sorted(sources, key=lambda s: s.name)],
        "recipients": [
            {
                "name": name,
                **{part: about.get(part, "") for part in ("role", "agreement")},
                **{part: list(about[part]) for part in ("purposes", "sources", "laws") if part in about},
            }
            for name, about in sorted(policy.recipients.items())
        ],
        **({"server": dict(postgres["vendor"])} if postgres.get("schema") and postgres.get("vendor") else {}),
        "flows": [{"name": w.name, "from": w.start, "to": w.end, "transfer": w.mechanism, "crosses": w.crosses} for w in ways],
        "lacking": sorted(
            {x for w in ways for x in w.missing()}
            | set(untold(postgres))
            | set(missing_papers(sources, policy, postgres))
            | set(missing_record({s.name: s for s in sources}, policy))
        ),
    }  # fmt: skip


def digest(record: Mapping[str, Any]) -> str:
    """What tells two states of the record of processing apart."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _listed(notices: Notices) -> dict[str, dict[str, list[str]]]:
    return {law: {purpose: list(versions) for purpose, versions in of.items()} for law, of in notices.items()}


def _of(s: Settings, policy: Policy) -> dict[str, Any]:
    """One source in the record; `fields`: what its kinds may bring, by class."""
    fields = [f for kind in s.kinds if kind in KINDS for f in KINDS[kind].fields]
    classes = (Privacy.IDENTIFIER, Privacy.QUASI, Privacy.TEXT, Privacy.SENSITIVE)
    return {
        "name": s.name,
        "name_zh": s.name_zh,
        "name_en": s.name_en,
        "is_public_set": s.public_set,
        "is_switched_off": not s.is_active or s.name in policy.blocked_sources,
        "kinds": [k for k in s.kinds if k in KINDS],
        "has_staff": any(f.domain == "agent.id" for f in fields),
        "fields": {str(c): sorted({f.name for f in fields if f.privacy is c}) for c in classes},
        "purposes": list(policy.purposes_of(s)),
        "basis": {law: {p: b for p, b in of.items() if p in policy.purposes} for law, of in s.basis.items()},
        "notices": _listed(s.notices),
        "vendor": dict(s.vendor),
        "place": s.place,
        "transfer": s.transfer,
        "months": s.retention_months,
        "text_months": s.text_retention_months,
        "identity_months": s.identity_retention_months,
    }
