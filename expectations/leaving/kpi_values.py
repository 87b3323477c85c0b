"""What `kpi_values` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (cells.py, privacy.py).
"""

from expectations import cells
from expectations.rules import Rule, holds


def rules(columns: dict[str, str], schema: str, threshold: int) -> tuple[Rule, ...]:
    """The suite; `threshold`: distinct subjects below which a cell about persons is hidden."""
    return (
        *cells.bounds(schema, threshold),
        holds("only the grain 'all' may have no period", "period_grain = 'all' or period_start is not null"),
        holds("a difference needs the value before", "difference is null or previous_value is not null"),
        holds("only a known interval can be significant", "not is_significant or difference_ci_low is not null"),
    )
