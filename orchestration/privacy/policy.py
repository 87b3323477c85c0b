"""Policy: whose law applies, on which basis a row may be used, and how long it is kept.

Keep out: applying it to rows (protect.py). Legal grounds are defaults for a lawyer to confirm.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.engine import literal
from orchestration.errors import ContractError
from orchestration.home import Home, write_durably
from orchestration.privacy import ner
from orchestration.records import Record
from orchestration.settings import read_toml
from orchestration.sources.contract import BASES, Notices, Settings, read_notices

# EEA, the United Kingdom's like regime, and what is of the Union under a code of its own: Guadeloupe, French Guiana,
# Martinique, Saint Martin, Réunion, Mayotte (TFEU 355(1)), Åland (355(4) and Protocol 2 of the accession of 1994). Not
# Greenland, the Faroes, Svalbard, Saint Barthélemy, New Caledonia, French Polynesia: there the treaties do not hold.
EU = [
    "AT", "BE", "BG", "HR", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HU", "IE", "IT", "LT", "LU", "LV", "MT",
    "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO", "GB",
    "GP", "GF", "MQ", "MF", "RE", "YT", "AX",
]  # fmt: skip
# Whoever is told to be younger is a minor (PIPL 31; GDPR 8, which lets member states go down to 13): a guardian
# consents.
ADULT_AGE = {"CN": 14, "EU": 16}
SEVERAL = "several"  # stands for the country of whom several laws are told; no code, so nobody knows which holds
TERMS = ("landing_days", "quarantine_days", "unnamed_days", "audit_days", "evidence_months", "backup_days")
UNCONSENTED_KINDS = ("consent", "deletion")  # kept as evidence, a legal obligation

DEFAULT = """\
# What this house allows, over all sources. A source's own source.toml says what it is; this file only restricts.
# Legal grounds and terms are defaults: have a lawyer confirm them.
version = "1"

# Purposes the house pursues; rows are never used for another.
purposes = ["service", "analytics"]

# Sources switched off altogether.
blocked_sources = []

# Where this home lies (ISO 3166). What comes from or goes to another country names its mechanism, or does not run:
# `transfer` in source.toml, and in [recipients.<name>] here.
place = "CN"

# Languages ("en", "zh") in which a model looks for names of persons that neither record, vault nor rules tell; each has to be
# installed (`make names`). It finds most of them and masks some other words too (docs/privacy.md).
name_models = []

# Whom rows may be exported to, each with a table of its own; to nobody else.
# [recipients.lab]
# role = "processor" # or controller, joint_controller
# agreement = "DPA-2026-03"
# place = "CN"
# purposes = ["analytics"] # for these alone; rows of these sources, and of persons under these laws (CN, EU, other), alone
# sources = ["helpdesk"]
# laws = ["CN"]

# Where the object store lies that files are dropped into, if the inbox of house.toml is one.
# [inbox]
# place = "CN"

# Who answers for it, and the impact assessment where one is needed: the record of processing (check C16).
[controller]
name = "{name}"
contact = "{contact}"
assessment = "{assessment}"

# Versions of the notice that a consent may have been given under, by law (CN, EU, other) and purpose; any where none is
# listed. One given under another version, or under none, covers nothing. A source.toml may list its own, of the same form:
# both have to hold.
# [notices.CN]
# analytics = ["2025-03", "2026-01"]

# Figures per member of staff (kpi_agents, in the restricted file alone) are made for the purpose named here, which their
# notice has to tell; there are none as long as none is named. `leads` says by team which accounts may ask for its names.
# `accounts` says under which ids (source:id) sources have whoever works a list: once [roles] names anybody, a work list
# is its handler's own, or of a team that she leads.
# [staff]
# purpose = "coaching"
# leads = {{ north = ["li.na"] }}
# accounts = {{ "li.na" = ["helpdesk:A17"] }}

# How long sealed pages and refused batches wait, and rows for a purpose that is named no more; how long lines of the audit log
# and backups are kept, and consents that are no longer in force, as evidence. Terms of rows stand in each source.toml.
[terms]
landing_days = 14
quarantine_days = 30
unnamed_days = 30
audit_days = 1095
evidence_months = 36
backup_days = 30
"""


@dataclass(frozen=True)
class Policy:
    """The house's policy, from `policy.toml` in the home (written with defaults on the first run)."""

    version: str
    purposes: tuple[str, ...]
    blocked_sources: tuple[str, ...] = field(default=())
    landing_days: int = 14
    quarantine_days: int = 30
    unnamed_days: int = 30
    audit_days: int = 3 * 365
    evidence_months: int = 36  # of a consent that is no longer in force
    backup_days: int = 30
    place: str = "CN"
    controller: Mapping[str, str] = field(default_factory=dict)
    recipients: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inbox: Mapping[str, str] = field(default_factory=dict)
    name_models: tuple[str, ...] = ()
    notices: Notices = field(default_factory=dict)
    staff_purpose: str = ""
    leads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def assessment(self) -> str:
        """Where the impact assessment is to be found; empty when there is none."""
        return str(self.controller.get("assessment", ""))

    @classmethod
    def of(cls, home: Home) -> "Policy":
        path: Path = home.root / "policy.toml"
        if not path.exists():
            furnish(home)
        raw = read_toml(path)
        for name in ("version", "purposes"):
            if name not in raw:
                raise ContractError(f"policy.toml lacks '{name}': add it, or take the file from a backup")
        for name in (str(raw["version"]), *raw["purposes"]):
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ContractError(f"policy.toml: '{name}' is no name of a purpose or version")
        terms = raw.get("terms", {})
        for term, value in terms.items():
            if term not in TERMS or type(value) is not int or value < 1:
                raise ContractError(
                    f"policy.toml: [terms] knows {', '.join(TERMS)}, whole numbers of at least 1; not '{term}'"
                )
        for language in raw.get("name_models", []):
            if language not in ner.MODELS:
                raise ContractError(f"policy.toml: name_models knows {', '.join(ner.MODELS)}; not '{language}'")
        found = {name: raw[name] for name in ("place", "controller", "recipients", "inbox") if name in raw}
        for name, about in found.get("recipients", {}).items():
            if not all(
                isinstance(told, str) for key, told in about.items() if key not in ("purposes", "sources", "laws")
            ):
                raise ContractError(
                    f"policy.toml: [recipients.{name}] is a table of texts: role, agreement, place, transfer"
                )
            for key, known in (("purposes", raw["purposes"]), ("laws", BASES)):
                if unknown := sorted(set(about.get(key, known)) - set(known)):
                    raise ContractError(
                        f"policy.toml: [recipients.{name}] {key} knows {', '.join(known)}; not '{unknown[0]}'"
                    )
        found["name_models"] = tuple(raw.get("name_models", ()))
        found |= _read_staff(raw.get("staff", {}))
        found["notices"] = read_notices(raw.get("notices", {}), tuple(raw["purposes"]), "policy.toml")
        return cls(str(raw["version"]), tuple(raw["purposes"]), tuple(raw.get("blocked_sources", ())), **terms, **found)

    def purposes_of(self, settings: Settings) -> tuple[str, ...]:
        """The purposes both the source and the house name."""
        return tuple(p for p in settings.purposes if p in self.purposes)

    def named_sql(self, sources: Mapping[str, Settings], row: str, record: Record) -> str:
        """SQL: the purposes that `row` (alias and dot, or nothing) of a kind may be used for.

        Those that its source and the house name, and for which the source names a ground under the row's law; of a
        source not configured any more the house's.
        """
        by_source = " ".join(
            f"WHEN {literal(name)} THEN {self._named_by(s, f'{row}jurisdiction', record)}"
            for name, s in sorted(sources.items())
        )
        every = _texts(self.purposes)
        return f"CASE {row}source {by_source} ELSE {every} END" if by_source else every

    def _named_by(self, settings: Settings, law: str, record: Record) -> str:
        named = self.purposes_of(settings)
        if not record.has_person:
            return _texts(p for p in named if ground_without_customer(settings, p, record.names_staff))
        grounds = {p: _grounds(settings, p) for p in named}
        unknown = _texts(p for p, (_, ground) in grounds.items() if ground)
        by_law = {law_: _texts(p for p, (told, _) in grounds.items() if told[law_]) for law_ in BASES}
        if set(by_law.values()) == {unknown}:
            return unknown
        cases = " ".join(f"WHEN {literal(law_)} THEN {told}" for law_, told in by_law.items())
        return f"CASE {law} {cases} ELSE {unknown} END"

    def version_for(self, settings: Settings) -> str:
        """Version of the house's policy and digest of what the source declares, and of the notices that are listed.

        Of its purposes those that the house names.
        """
        listed = [dict(n) for n in (self.notices, settings.notices) if n]
        named = self.purposes_of(settings)
        declared = json.dumps(
            [dict(settings.basis), named, settings.retention_months, *listed], sort_keys=True, default=dict
        )
        return f"{self.version}+{hashlib.sha256(declared.encode()).hexdigest()[:8]}"


def _read_staff(told: Any) -> dict[str, Any]:
    """[staff]: what figures per member of staff are for, who leads which team, which ids an account has.

    Raises ContractError otherwise.
    """
    given = told if isinstance(told, dict) else {"": told}
    purpose, leads, accounts = given.get("purpose", ""), given.get("leads", {}), given.get("accounts", {})
    is_said = isinstance(purpose, str) and re.fullmatch(r"[A-Za-z0-9_.-]*", purpose)
    lists = [one for table in (leads, accounts) for one in (table.values() if isinstance(table, dict) else [None])]
    if (
        set(given) - {"purpose", "leads", "accounts"}
        or not is_said
        or not all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in lists)
    ):
        raise ContractError(
            "policy.toml: [staff] knows purpose, a name; leads, a table of teams and lists of accounts; and accounts, "
            "a table of accounts and lists of ids (source:id)"
        )
    return {
        "staff_purpose": purpose,
        "leads": {team: tuple(names) for team, names in leads.items()},
        "accounts": {account: tuple(ids) for account, ids in accounts.items()},
    }


def staff_purpose(home: Home) -> str:
    """What figures per member of staff are for in this home; empty where they are not made. Writes nothing."""
    return Policy.of(home).staff_purpose if (home.root / "policy.toml").exists() else ""


def furnish(home: Home, name: str = "", contact: str = "", assessment: str = "") -> None:
    """Write `policy.toml` with defaults unless the home has one."""
    path = home.root / "policy.toml"
    if not path.exists():
        write_durably(path, DEFAULT.format(name=name, contact=contact, assessment=assessment).encode())


def minor_sql(flag: str, age: str, country: str) -> str:
    """SQL: whether a person is told to be a minor, by a flag or by an age.

    Null where nothing is told: age is never guessed.
    """
    younger = f"{age} < CASE WHEN upper({country}) = 'CN' THEN {ADULT_AGE['CN']} ELSE {ADULT_AGE['EU']} END"
    return f"CASE WHEN {flag} OR {younger} THEN true ELSE coalesce({flag}, {younger}) END"


def agreed_country_sql(country: str) -> str:
    """SQL aggregate: the country told of a person; where words fall under several laws one that is none's (SEVERAL)."""
    law = f"coalesce({jurisdiction_sql(country)}, '')"
    laws = f"count(DISTINCT {law}) FILTER ({country} IS NOT NULL)"
    return f"CASE WHEN {laws} > 1 THEN '{SEVERAL}' ELSE max({country}) END"


def jurisdiction_sql(country: str) -> str:
    """SQL: CN, EU, other, or null where the country is not known; a word that is no code of two letters is none."""
    listed = ", ".join(f"'{c}'" for c in EU)
    is_code = f"coalesce(regexp_full_match({country}, '[A-Z]{{2}}'), false)"
    return f"CASE WHEN NOT {is_code} THEN NULL WHEN {country} = 'CN' THEN 'CN' WHEN {country} IN ({listed}) THEN 'EU' ELSE 'other' END"


def basis_sql(settings: Settings, purpose: str, jurisdiction: str) -> str:
    """SQL: the basis for one purpose by jurisdiction, null where there is none.

    A law the source names has what stands there and nothing else; one it does not name takes that of `other`, if the
    law knows it. An unknown jurisdiction takes the strictest of those named: no basis, then consent, then one that
    every law named knows (decision 0019).
    """
    by_law, unknown = _grounds(settings, purpose)
    cases = " ".join(f"WHEN '{law}' THEN {_text(ground)}" for law, ground in by_law.items() if law != "other")
    return f"CASE WHEN {jurisdiction} IS NULL THEN {_text(unknown)} ELSE CASE {jurisdiction} {cases} ELSE {_text(by_law['other'])} END END"


def ground_without_customer(settings: Settings, purpose: str, names_staff: bool) -> str | None:
    """The basis of rows about no customer: of things what stands for `other`, of staff that of the unknown.

    No source tells under which law a member of staff lives.
    """
    return _grounds(settings, purpose)[1] if names_staff else settings.basis["other"].get(purpose)


def laws_without_ground(settings: Settings, purpose: str) -> list[str]:
    """Laws that have no ground for a purpose which persons of unknown jurisdiction are granted (decision 0019)."""
    by_law, unknown = _grounds(settings, purpose)
    return [law for law, ground in by_law.items() if ground is None] if unknown else []


def _grounds(settings: Settings, purpose: str) -> tuple[dict[str, str | None], str | None]:
    """The basis for a purpose by law, and that of an unknown jurisdiction."""
    other = settings.basis["other"].get(purpose)
    by_law = {
        law: settings.basis[law].get(purpose) if law in settings.basis else (other if other in BASES[law] else None)
        for law in BASES
    }
    named = [by_law[law] for law in settings.basis]
    if None in named or "consent" in named:
        return by_law, None if None in named else "consent"
    known = (ground for ground in (other, *named) if all(ground in BASES[law] for law in settings.basis))
    return by_law, next(known, other)


def notice_sql(lists: Iterable[Notices], jurisdiction: str, purpose: str, notice: str) -> str:
    """SQL: whether a consent to `purpose` under the version `notice` ('' for none told) is valid by each of `lists`.

    A law that a list does not name takes what it says of `other`; an unknown jurisdiction has to meet them all. A
    consent written down before versions were (null) is not judged by one.
    """
    named = [n for n in lists if n]
    if not named:
        return "true"
    by_law = {
        law: " AND ".join(
            f"({purpose} <> {literal(p)} OR {notice} IN ({', '.join(map(literal, versions))}))"
            for listed in named
            for p, versions in listed.get(law, listed.get("other", {})).items()
        )
        or "true"
        for law in BASES
    }
    cases = " ".join(f"WHEN {literal(law)} THEN {told}" for law, told in by_law.items() if law != "other")
    every = " AND ".join(dict.fromkeys(by_law.values()))
    return f"coalesce(CASE WHEN {jurisdiction} IS NULL THEN {every} ELSE CASE {jurisdiction} {cases} ELSE {by_law['other']} END END, true)"


def _texts(words: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, words))}]::VARCHAR[]"


def _text(word: str | None) -> str:
    return f"'{word}'" if word else "NULL::VARCHAR"
