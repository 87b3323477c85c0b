"""What `load_ledger` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds, present, within


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    return (
        *(present(c) for c in ("source", "level", "name", "measure")),
        holds(
            "what was not used names its load",
            "load_id is not null or measure not in ('rejected', 'duplicate', 'quarantined', 'withheld', 'unselected', 'unread')",
        ),
        within("n", 0, None),
    )
