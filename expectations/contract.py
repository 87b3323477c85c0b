"""What a batch owes by its kind's contract, from shape to lineage, and a mart by its own: shape and key.

Keep out: anything a single kind or mart adds (entering/<kind>.py, leaving/<mart>.py) and what privacy asks
(privacy.py).
Nothing is typed in here: rules of batches are derived from orchestration/records, those of marts from the dictionary of
columns that is published with them.
"""

from expectations.rules import Rule, holds, one_of, present, quoted, same_shape, unique, within
from orchestration.lake.store import duckdb_type
from orchestration.records import LINEAGE, Field, Record
from orchestration.sources.contract import BASES

# Null where a row has no person, no consent behind it, or no end of keeping (privacy.py asks the last).
OPTIONAL_LINEAGE = ("subject_key", "unproved_key", "consent_ref", "retain_until")


def rules(record: Record) -> tuple[Rule, ...]:
    """The rules of one kind's contract, for protected rows."""
    return (
        same_shape({f.name: duckdb_type(f.type) for f in record.protected_schema}),
        *(
            rule
            for f in record.fields
            if f.protected_name
            for rule in _of_field(f, f.protected_name, f.name in record.key)
        ),
        *_keys(record),
        *_times(record),
        *_lineage(),
    )


def mart_rules(declared: dict[str, tuple[str, bool]], is_cells: bool) -> tuple[Rule, ...]:
    """The rules of one mart's contract; declared: name to (DuckDB type, is part of the key).

    What names a cell may be null (cells.py asks for it), what names a row of any other mart may not.
    """
    key = tuple(name for name, (_, is_key) in declared.items() if is_key)
    named = () if is_cells or not key else (unique("no key stands twice", key),)
    return (same_shape({name: type_ for name, (type_, _) in declared.items()}), *named)


def _of_field(field: Field, column: str, is_key: bool) -> list[Rule]:
    found = []
    if field.required or is_key:
        found.append(present(column))
    if field.values:
        found.append(one_of(column, field.values))
    if (field.minimum is not None or field.maximum is not None) and not field.generalise:
        found.append(within(column, field.minimum, field.maximum))
    return found


def _keys(record: Record) -> list[Rule]:
    version = tuple(c for c in ("source_version", "updated_at") if c in record.protected_schema.names)
    return [
        unique("no row stands twice", (*record.protected_key, "content_hash")),
        unique("one row per key and version", (*record.protected_key, *version), severity="warning"),
    ]


def _times(record: Record) -> list[Rule]:
    """Events of the future tell a misread date format; a clock that is behind does so too, hence only a warning."""
    if record.event_time is None or record.is_reference:
        return []
    expression = f"{quoted(record.event_time)} <= loaded_at + interval 1 day"
    return [holds(f"{record.event_time} is not in the future", expression, mostly=0.9, severity="warning")]


def _lineage() -> list[Rule]:
    owed = [f.name for f in LINEAGE if f.name not in OPTIONAL_LINEAGE]
    return [
        holds("every row carries its lineage", " and ".join(f"{quoted(c)} is not null" for c in owed)),
        one_of("subject_basis", ("person", "record")),
        holds(
            "a subject stands where the row is about a person", "(subject_basis = 'person') = (subject_key is not null)"
        ),
        one_of("jurisdiction", (*BASES, "unknown")),
        one_of("basis", BASES["other"]),
        holds("purposes are named", "len(purposes) > 0"),
    ]
