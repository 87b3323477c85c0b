"""What `load_ledger` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, present, within


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    return (
        *(present(c) for c in ("load_id", "source", "level", "name", "measure")),
        within("n", 0, None),
    )
