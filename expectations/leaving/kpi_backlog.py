"""What `kpi_backlog` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite; of a file that an earlier release served, which had no such parts, none."""
    if "n_open_over_7_days" not in columns:
        return ()
    return (
        holds(
            "the older are among the open",
            "value >= n_open_over_7_days and n_open_over_7_days >= n_open_over_30_days and n_open_over_30_days >= n_open_over_90_days",
        ),
    )
