"""What `kpi_columns` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (cells.py, privacy.py).
"""

from expectations.rules import Rule, present


def rules(columns: dict[str, str], schema: str, threshold: int) -> tuple[Rule, ...]:
    """The suite."""
    return tuple(present(c) for c in columns)
