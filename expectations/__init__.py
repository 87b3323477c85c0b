"""Quality suites in great-expectations' words: what a batch owes on entering, what a mart owes on leaving.

Keep out: running them (orchestration/lake/audit.py). Importing this package does not import great-expectations, which
takes seconds of CPU: the suites do, so they are imported when they are first asked for.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expectations.rules import Rule


def found(stage: str) -> tuple[str, ...]:
    """The kinds (stage 'entering') or marts (stage 'leaving') that have a file of their own."""
    return tuple(sorted(m.name for m in iter_modules([f"{__path__[0]}/{stage}"])))


def batch_suite(kind: str, is_public: bool) -> tuple["Rule", ...]:
    """The suite of one batch of a kind: its contract, the privacy rules, and what its own file adds.

    `is_public`: the source is a declared public set, whose rows may be kept for ever.
    """
    from expectations import contract, privacy
    from orchestration.records import KINDS

    own = import_module(f"expectations.entering.{kind}").RULES
    # What a company says of itself (calendars, scales, ...) has no person and no end of keeping.
    keeping = () if is_public or not KINDS[kind].ends_by_event else (privacy.keeping_rule(),)
    return (*contract.rules(KINDS[kind]), *privacy.batch_rules(KINDS[kind]), *keeping, *own)


def mart_suite(
    mart: str,
    columns: dict[str, str],
    schema: str,
    threshold: int,
    registry: frozenset[str] = frozenset(),
    declared: dict[str, tuple[str, bool]] | None = None,
) -> tuple["Rule", ...]:
    """The suite of one published mart: its contract, privacy, what every cell owes, and what its own file adds.

    `columns`: name to DuckDB type. `schema`: where the other marts stand. `threshold`: distinct subjects below which a
    cell about persons must be hidden. `registry`: columns of the registry of metrics beside it. `declared`: what the
    dictionary of columns beside it says of this mart, name to (DuckDB type, is part of the key); None without one.
    """
    from expectations import cells, contract, privacy

    own = import_module(f"expectations.leaving.{mart}").rules(columns, schema) if mart in found("leaving") else ()
    is_cells = cells.is_cells(columns)
    return (
        *(contract.mart_rules(declared, is_cells) if declared is not None else ()),
        *privacy.mart_rules(columns),
        *(cells.rules(columns, registry, schema, threshold) if is_cells else ()),
        *own,
    )
