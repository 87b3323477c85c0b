"""What `kpi_metrics` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds, one_of, present


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    # one version is in force; a file that an earlier release served has one version only
    headline = "is_headline and is_in_force" if "is_in_force" in columns else "is_headline"
    return (
        *(
            present(c)
            for c in ("metric_id", "variant", "unit", "name_zh", "name_en", "description_zh", "description_en")
        ),
        one_of("disclosure", ("subject", "operational")),
        one_of("direction", ("up", "down", "none")),
        holds(
            "a metric has one headline",
            f"count(*) filter (where {headline}) over (partition by metric_id) = 1",
        ),
    )
