"""The vocabulary of record contracts: fields, privacy classes, and the Arrow schemas derived from them.

Keep out: any single kind (one file each beside this one) and anything that reads or writes data.
"""

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class Privacy(StrEnum):
    """What may become of a field on its way into the lake."""

    IDENTIFIER = "identifier"  # names a person: vault only, a pseudonym outside
    RECORD_KEY = "record_key"  # names a record at the source: keyed hash outside, original sealed in the vault
    QUASI = "quasi"  # generalised
    TEXT = "text"  # redacted
    SENSITIVE = "sensitive"  # dropped unless policy names it
    PLAIN = "plain"


TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),  # an instant, UTC
    "date": pa.date32(),
    "strings": pa.list_(pa.string()),
}


@dataclass(frozen=True)
class Field:
    """One column that a source's `<kind>.sql` may give.

    `domain` says whose key it is: for a record key the kind it names, for an identifier the role
    ('person.email', 'agent.id', …). `values` closes a vocabulary. `minimum`/`maximum` bound a number (inclusive).
    """

    name: str
    type: str
    privacy: Privacy
    description: str
    unit: str | None = None
    required: bool = False
    domain: str | None = None
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    generalise: str | None = None

    @property
    def protected_name(self) -> str | None:
        """The column's name behind the gate; None where the field does not pass it."""
        if self.privacy is Privacy.RECORD_KEY:
            stem = self.name.removesuffix("_ids").removesuffix("_id")
            return f"{stem}_keys" if self.type == "strings" else f"{stem}_key"
        if self.privacy is Privacy.IDENTIFIER:
            return "agent_key" if self.domain == "agent.id" else None
        if self.privacy is Privacy.SENSITIVE:
            return None
        if self.generalise:
            return f"{self.name}_band" if self.generalise == "age_band" else self.name
        return self.name

    @property
    def protected_type(self) -> pa.DataType:
        """The Arrow type behind the gate."""
        if self.generalise == "age_band":
            return pa.string()
        return TYPES[self.type]


@dataclass(frozen=True)
class Record:
    """A closed contract: one kind of record, whatever product it comes from.

    `key` names the fields that make one record; `event_time` the field that retention and consent count from.
    """

    kind: str
    grain: str
    key: tuple[str, ...]
    event_time: str | None
    fields: tuple[Field, ...]
    has_person: bool = False
    is_reference: bool = False
    is_directory: bool = False  # of who is employed, and kept by that (privacy/retention.py)

    def __post_init__(self) -> None:
        names = [f.name for f in self.fields]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.kind}: a field stands twice")
        unknown = set(self.key) - set(names)
        if unknown:
            raise ValueError(f"{self.kind}: key names unknown fields {sorted(unknown)}")

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    @property
    def ends_by_event(self) -> bool:
        """Whether its own event says until when a row is kept."""
        return not self.is_reference and not self.is_directory

    @property
    def names_staff(self) -> bool:
        """Whether its rows name a member of staff."""
        return any(f.domain == "agent.id" for f in self.fields)

    @property
    def own_keys(self) -> tuple[Field, ...]:
        """What names the record itself at its source: its key, and a number that people know it by."""
        return tuple(
            f
            for f in self.fields
            if f.privacy is Privacy.RECORD_KEY and (f.name in self.key or f.domain == f"{self.kind}.number")
        )

    @property
    def protected_key(self) -> tuple[str, ...]:
        """The key's columns behind the gate."""
        return tuple(name for f in self.key if (name := self.field(f).protected_name))

    @property
    def protected_schema(self) -> pa.Schema:
        """What the lake holds: protected fields, then the columns every protected row carries."""
        own = []
        for f in self.fields:
            if f.protected_name is None:
                continue
            own.append(pa.field(f.protected_name, f.protected_type))
            if f.privacy is Privacy.TEXT:
                own.append(pa.field(f"{f.name}_redactions", pa.int64()))
        if any(f.privacy is Privacy.TEXT for f in self.fields):
            own.append(pa.field("is_sensitive_text", pa.bool_()))
        return pa.schema(own + list(LINEAGE))


LINEAGE: tuple[pa.Field, ...] = (
    pa.field("subject_key", pa.string()),
    pa.field("subject_basis", pa.string()),  # person | record
    pa.field("unproved_key", pa.string()),  # whom a row counts as at its source, should it prove nobody
    pa.field("jurisdiction", pa.string()),
    pa.field("basis", pa.string()),
    pa.field("purposes", pa.list_(pa.string())),
    pa.field("consent_ref", pa.string()),
    pa.field("policy_version", pa.string()),
    pa.field("gate_version", pa.string()),
    pa.field("retain_until", pa.timestamp("us")),
    pa.field("source", pa.string()),
    pa.field("load_id", pa.string()),
    pa.field("loaded_at", pa.timestamp("us")),
    pa.field("content_hash", pa.string()),
)


# Shorthands, so that a contract reads as a table.


def key(name: str, description: str, domain: str, *, required: bool = False, many: bool = False) -> Field:
    """A record's id at its source: hashed outside, sealed in the vault."""
    return Field(
        name, "strings" if many else "string", Privacy.RECORD_KEY, description, domain=domain, required=required
    )


def plain(
    name: str,
    type: str,
    description: str,
    *,
    unit: str | None = None,
    required: bool = False,
    values: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Field:
    """A value that says nothing of who a person is."""
    return Field(
        name,
        type,
        Privacy.PLAIN,
        description,
        unit=unit,
        required=required,
        values=values,
        minimum=minimum,
        maximum=maximum,
    )


def quasi(name: str, type: str, description: str, generalise: str, *, unit: str | None = None) -> Field:
    """A value that narrows a person down together with others."""
    return Field(name, type, Privacy.QUASI, description, unit=unit, generalise=generalise)


def text(name: str, description: str) -> Field:
    """What somebody wrote or said: redacted."""
    return Field(name, "string", Privacy.TEXT, description)


def agent_id() -> Field:
    """The member of staff concerned."""
    return Field("agent_id", "string", Privacy.IDENTIFIER, "Member of staff, by the source's id.", domain="agent.id")


def person() -> tuple[Field, ...]:
    """The person a record is about, as its source names them; every kind about a person carries these fields.

    Proving identity: account id, verified e-mail, mobile phone in E.164. Never: name, handle, address.
    """

    def identifier(name: str, domain: str, description: str) -> Field:
        return Field(name, "string", Privacy.IDENTIFIER, description, domain=domain)

    return (
        identifier("person_account_id", "person.account", "The source's account id of the person."),
        identifier("person_email", "person.email", "E-mail address."),
        Field("person_email_verified", "boolean", Privacy.SENSITIVE, "Whether the source verified the address."),
        identifier("person_phone", "person.phone", "Phone number, any spelling; national ones by person_country."),
        identifier("person_name", "person.name", "Name as written."),
        identifier("person_handle", "person.handle", "Public handle or nickname."),
        identifier("person_address", "person.address", "Postal address as written."),
        Field("person_country", "string", Privacy.SENSITIVE, "Country, ISO 3166-1 code or name: decides jurisdiction."),
        Field("person_is_minor", "boolean", Privacy.SENSITIVE, "Declared to be a minor; never guessed."),
    )


def version() -> tuple[Field, ...]:
    """What orders two versions of one record."""
    return (
        plain("source_version", "integer", "The source's own version counter."),
        plain("updated_at", "timestamp", "When the source last changed the record."),
    )
