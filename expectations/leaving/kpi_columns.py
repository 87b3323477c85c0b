"""What `kpi_columns` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds, present


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    return (
        *(present(c) for c in columns),
        holds("a column is said in Chinese and in English", "label_zh <> '' and label_en <> ''"),
    )
