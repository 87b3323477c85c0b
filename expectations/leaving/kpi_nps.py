"""What `kpi_nps` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    weights = "w_promoters + w_passives + w_detractors"
    return (
        holds("the groups add up to the answers", "n_promoters + n_passives + n_detractors = n_answered"),
        holds("the groups' weights add up to the denominator", f"abs({weights} - denominator) <= 1e-9 * denominator"),
    )
