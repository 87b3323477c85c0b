"""Columns that tell a single person, record, member of staff or text: no published table has one.

Keep out: which rows of cells are hidden (disclosure.py). Nothing is listed: the names follow from the privacy classes
of the record contracts, before and behind the gate.
"""

from collections.abc import Iterable
from functools import cache

from orchestration.privacy.disclosure import DIMENSIONS
from orchestration.records import KINDS, LINEAGE, Privacy

CLOSED = (Privacy.RECORD_KEY, Privacy.IDENTIFIER, Privacy.TEXT, Privacy.SENSITIVE)
# Of what every protected row carries, a published row may tell this too.
TOLD = ("subject_basis", "source", "load_id", "loaded_at")
SUFFIXES = ("_text", "_redactions")  # what models make of texts


@cache
def row_level_columns() -> frozenset[str]:
    """Names of columns that stand for one person, record, member of staff or text."""
    fields = [f for record in KINDS.values() for f in record.fields]
    closed = [f for f in fields if f.privacy in CLOSED or (f.privacy is Privacy.QUASI and f.name not in DIMENSIONS)]
    named = {name for f in closed for name in (f.name, f.protected_name) if name}
    carried = {f.name for f in LINEAGE} - set(TOLD)
    return frozenset(named | carried | {"subject_id", "current_subject_key", "is_sensitive_text"})


@cache
def text_columns() -> frozenset[str]:
    """Names of columns in which what a person wrote could stand."""
    return frozenset(f.name for record in KINDS.values() for f in record.fields if f.privacy is Privacy.TEXT)


def is_row_level(column: str) -> bool:
    """Whether a column stands for one person, record, member of staff or text, by its name."""
    return column in row_level_columns() or column.endswith(SUFFIXES)


def could_hold_text(column: str) -> bool:
    """Whether what a person wrote could stand in a column, by its name."""
    return column in text_columns() or column.endswith(SUFFIXES)


def are_row_level(columns: Iterable[str]) -> bool:
    """Whether a table with these columns has a row for single persons, records, members of staff or texts."""
    return any(map(is_row_level, columns))
