"""What `kpi_sla` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite; of a file that an earlier release served, which had no such parts, none."""
    if "n_met" not in columns:
        return ()
    return (
        # the source's own flags tell neither active nor cancelled
        holds(
            "states add up to what was due",
            "case when variant = 'house' then n_met + n_breached + n_active_breached = denominator end",
        ),
    )
