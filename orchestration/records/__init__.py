"""Record kinds: closed contracts that every source meets and every model reads, one kind a file.

Keep out: reading, writing, wiring. `KINDS` is found by scanning this folder, never listed.
"""

from importlib import import_module
from pkgutil import iter_modules

from orchestration.records.contract import LINEAGE, TYPES, Field, Privacy, Record

KINDS: dict[str, Record] = {
    record.kind: record
    for module in sorted(m.name for m in iter_modules(__path__) if m.name != "contract")
    for record in [import_module(f"{__name__}.{module}").RECORD]
}

__all__ = ["KINDS", "LINEAGE", "TYPES", "Field", "Privacy", "Record"]
