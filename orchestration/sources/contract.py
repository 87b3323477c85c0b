"""What a source is: its settings (source.toml), the pages it yields, the window it is asked for.

Keep out: finding sources (registry.py) and reading any of them.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pyarrow as pa

from orchestration.errors import ContractError, SourceError
from orchestration.settings import NAMES, refuse_other_types, refuse_unknown

NAME = re.compile(r"[a-z][a-z0-9_]*")
FORMATS = ("csv", "tsv", "jsonl", "json_pages", "parquet", "lines")
BASES = {
    "EU": ("consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"),
    "CN": (
        "consent",
        "contract",
        "legal_obligation",
        "public_health_emergency",
        "news_public_interest",
        "disclosed_by_person",
        "other_law",
    ),
}
BASES["other"] = tuple(dict.fromkeys(BASES["EU"] + BASES["CN"]))
SETTINGS = {  # keys of a source.toml, as orchestration.settings has those of a home
    **dict.fromkeys(("name_zh", "name_en", "timezone", "public_set", "observed_until", "key", "place")),
    **dict.fromkeys(("retention_months", "text_retention_months", "identity_retention_months", "transfer")),
    **dict.fromkeys(("active", "expected_every_hours")),
    **dict.fromkeys(("basis", "notices", "options"), dict),
    "purposes": NAMES,
    "streams": {
        "*": {
            **dict.fromkeys(("files", "format", "records", "encoding", "reference", "sweep_kind", "sweep_field")),
            "columns": NAMES,
        }
    },
    "vendor": dict.fromkeys(("name", "role", "agreement")),
}
CROSS_BORDER = "cross_border"  # the purpose that a separate consent to leaving the mainland names
Notices = Mapping[str, Mapping[str, tuple[str, ...]]]  # law -> purpose -> versions of the notice


@dataclass(frozen=True)
class Page:
    """What a source yields: a slice of one stream, sealed before it touches a disk.

    `content`: records of an API (dicts), JSON lines (bytes), or rows of a file (Arrow, all strings).
    `file`: real name of the file, never stored. `first_row`: 1-based row of the file that the page starts with.
    `rejected`: rows that the reader could not even split, by reason. `is_sweep`: ids of all that exists now.
    `problem`: what a person must be told of the file, and what to do, without values; the run then ends failed.
    """

    stream: str
    content: list[dict[str, Any]] | bytes | pa.Table
    file: str = ""
    first_row: int = 1
    is_sweep: bool = False
    rejected: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Window:
    """A stretch of time asked for by a backfill, half-open, UTC; empty for the usual increment."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_backfill(self) -> bool:
        return self.since is not None or self.until is not None


@dataclass(frozen=True)
class Stream:
    """One stream of a source."""

    name: str
    files: str | None = None
    format: str = "jsonl"
    records: str | None = None
    encoding: str = "auto"
    columns: tuple[str, ...] = ()
    reference: bool = False
    sweep_kind: str | None = None
    sweep_field: str | None = None

    @property
    def is_dropped(self) -> bool:
        """Whether it reads files that people put into the inbox (`@`: beside source.toml, `~`: in the home)."""
        return bool(self.files) and not str(self.files).startswith(("@", "~"))


@dataclass(frozen=True)
class Settings:
    """A source's settings: source.toml, checked."""

    name: str
    folder: Path
    name_zh: str
    name_en: str
    timezone: str
    public_set: bool
    observed_until: datetime | None
    key: str
    purposes: tuple[str, ...]
    retention_months: int | None
    text_retention_months: int | None
    identity_retention_months: int | None
    place: str
    vendor: Mapping[str, str]
    basis: Mapping[str, Mapping[str, str]]
    options: Mapping[str, Any]
    streams: Mapping[str, Stream]
    inbox: str = "inbox"
    home: Path = Path()
    file_id: Callable[[str], str] = lambda name: name
    read_whole: Callable[[str, str], None] = lambda key, fingerprint: None  # told of each file read to its end
    is_active: bool = True
    expected_every_hours: float | None = None
    transfer: str = ""  # by which mechanism the data crosses a border (privacy/flows.py)
    notices: Notices = field(default_factory=dict)  # under which a consent has to be given; what is not named takes any

    @property
    def about(self) -> dict[str, Any]:
        """What the models need to know of the source."""
        return {
            "observed_until": self.observed_until.isoformat() if self.observed_until else None,
            "is_public_set": self.public_set,
            "timezone": self.timezone,
            "name_zh": self.name_zh,
            "name_en": self.name_en,
        }

    @property
    def is_api(self) -> bool:
        """Whether it is asked for what it holds; else people bring files, which may lag behind what they tell of."""
        return not any(s.files and not s.files.startswith("@") for s in self.streams.values())

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds it feeds: its SQL files, those aside whose name begins with an underscore."""
        return tuple(sorted(p.stem for p in self.folder.glob("*.sql") if not p.stem.startswith("_")))

    @property
    def shared(self) -> tuple[str, ...]:
        """Selects that several kinds read: `_<name>.sql`, made in the order of their names."""
        return tuple(sorted(p.stem for p in self.folder.glob("_*.sql")))

    def sql(self, kind: str) -> str:
        """A select of the source. Raises ContractError where its file cannot be read."""
        return _read(self.folder, f"{kind}.sql")

    def secret(self, name: str) -> str:
        """A secret from dlt's configuration: SOURCES__<SOURCE>__<NAME>, or [sources.<source>] in .dlt/secrets.toml."""
        import dlt

        value = dlt.secrets.get(f"sources.{self.name}.{name}")
        if not value:
            raise SourceError(
                f"{self.name}: the secret '{name}' is missing: set SOURCES__{self.name.upper()}__{name.upper()} "
                f"or [sources.{self.name}] in .dlt/secrets.toml"
            )
        return str(value)


@cache
def _zones() -> frozenset[str]:
    """Names of time zones, looked up once: every one of them is a file that is opened."""
    return frozenset(available_timezones())


def read_settings(folder: Path) -> Settings:
    """Read and check a source folder's source.toml.

    Raises ContractError that names the source and the setting.
    """
    name = folder.name
    try:
        raw = tomllib.loads(_read(folder, "source.toml"))
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{name}: source.toml cannot be read: {error}") from None
    try:
        return _settings(folder, raw)
    except (TypeError, ValueError, AttributeError):
        raise ContractError(f"{name}: source.toml has a setting of another type than it should") from None


def _read(folder: Path, file: str) -> str:
    """A text file of a source. Raises ContractError that names both."""
    try:
        return (folder / file).read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"{folder.name}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ContractError(f"{folder.name}: {file} cannot be read: it is not in UTF-8") from None


def _settings(folder: Path, raw: Mapping[str, Any]) -> Settings:
    name = folder.name
    refuse_unknown(raw, SETTINGS, f"{name}: source.toml")
    refuse_other_types(raw, SETTINGS, f"{name}: source.toml")

    def need(key: str) -> Any:
        if key not in raw:
            raise ContractError(f"{name}: source.toml lacks '{key}'")
        return raw[key]

    purposes = tuple(need("purposes"))
    for given in (name, *need("streams"), *purposes):
        if not NAME.fullmatch(given):
            raise ContractError(
                f"{name}: '{given}' is no name: lower-case letters, digits and underscores, a letter first"
            )
    basis: dict[str, dict[str, str]] = {}
    for jurisdiction, given in need("basis").items():
        if jurisdiction not in BASES:
            raise ContractError(f"{name}: [basis] knows {sorted(BASES)}, not '{jurisdiction}'")
        by_purpose = dict.fromkeys(purposes, given) if isinstance(given, str) else dict(given)
        for purpose, ground in by_purpose.items():
            if ground not in BASES[jurisdiction]:
                raise ContractError(f"{name}: '{ground}' ({purpose}) is no basis under the law of {jurisdiction}")
        basis[jurisdiction] = by_purpose
    if "other" not in basis:
        raise ContractError(f"{name}: [basis] needs 'other', for persons of unknown or other jurisdictions")

    streams = {}
    for stream, given in need("streams").items():
        streams[stream] = Stream(name=stream, **{**given, "columns": tuple(given.get("columns", ()))})
        if streams[stream].format not in FORMATS:
            raise ContractError(f"{name}: [streams.{stream}] format is one of {FORMATS}")

    def months(key: str, default: int) -> int | None:
        value = raw.get(key, default)
        return None if value == "none" else int(value)

    zone = raw.get("timezone", "UTC")
    if zone not in _zones():
        raise ContractError(f"{name}: '{zone}' is no IANA time zone")
    expected = raw.get("expected_every_hours")
    if expected is not None and not (isinstance(expected, int | float) and expected > 0):
        raise ContractError(f"{name}: expected_every_hours is a number of hours above nought")
    observed = raw.get("observed_until")
    if isinstance(observed, str):
        observed = datetime.fromisoformat(observed)
    return Settings(
        name=name,
        folder=folder,
        name_zh=raw.get("name_zh", name),
        name_en=raw.get("name_en", name),
        timezone=zone,
        public_set=bool(raw.get("public_set", False)),
        observed_until=observed.astimezone(UTC).replace(tzinfo=None) if observed else None,
        key=raw.get("key", "source"),
        purposes=purposes,
        retention_months=months("retention_months", 36),
        text_retention_months=months("text_retention_months", 24),
        identity_retention_months=months("identity_retention_months", 24),
        place=need("place"),
        vendor=raw.get("vendor", {}),
        basis=basis,
        options=raw.get("options", {}),
        streams=streams,
        is_active=bool(raw.get("active", True)),
        expected_every_hours=expected,
        transfer=str(raw.get("transfer", "")),
        notices=read_notices(raw.get("notices", {}), purposes, name),
    )


def read_notices(raw: Mapping[str, Any], purposes: tuple[str, ...], where: str) -> Notices:
    """[notices] of a source.toml or of policy.toml.

    By law the versions for every purpose (a list), or for each (a table).
    Raises ContractError that names `where` and the setting: a misspelt law or purpose would let any version pass.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for law, given in raw.items():
        if law not in BASES:
            raise ContractError(f"{where}: [notices] knows {sorted(BASES)}, not '{law}'")
        known = (*purposes, CROSS_BORDER)
        by_purpose = dict.fromkeys(purposes, given) if isinstance(given, list) else dict(given)
        for purpose, versions in by_purpose.items():
            if purpose not in known:
                raise ContractError(f"{where}: [notices] names the purpose '{purpose}': one of {', '.join(known)}")
            if not isinstance(versions, list) or not versions or not all(isinstance(v, str) and v for v in versions):
                raise ContractError(
                    f"{where}: [notices] lists versions of the notice as text, at least one ({purpose})"
                )
        found[law] = {purpose: tuple(versions) for purpose, versions in by_purpose.items()}
    return found
