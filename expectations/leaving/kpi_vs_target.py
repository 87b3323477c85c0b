"""What `kpi_vs_target` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite; of a file that an earlier release served, which had no such parts, none."""
    if "gap_ci_low" not in columns:
        return ()
    return (
        holds(
            "the gap lies in its interval",
            "case when coalesce(n_answered, 2) > 1 then gap_to_target between gap_ci_low - 1e-6 and gap_ci_high + 1e-6 end",
        ),
        holds("a gap has a target", "gap_to_target is null or target_value is not null"),
    )
