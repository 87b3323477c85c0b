"""What `kpi_restatements` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds, one_of, present, unique
from orchestration.privacy.disclosure import CELL


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    return (
        unique("a cell is restated once by a publication", (*CELL, "restated_at")),
        present("cause"),
        one_of("cause", ("late_data", "correction", "definition", "disclosure", "removed", "held")),
        holds(
            "a difference is the new figure less the old one",
            "abs(value - previous_value - difference) <= 1e-6 * greatest(1, abs(value))",
        ),
    )
