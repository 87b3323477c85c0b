"""What `kpi_coverage` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from great_expectations import expectations as gxe

from expectations.rules import BATCH, Rule, holds, present, within


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    named, kept, emptied = "metric_id, variant", ("n_refused", "n_withheld"), ("n_records", "n_in_analysis")
    whole = "(n_in_analysis + n_refused + n_withheld)"
    told, there = f"select {named} from {BATCH} where source is null", f"select {named} from {schema}.kpi_metrics"
    return (
        Rule(
            "every metric in force is told for all sources together",
            gxe.ExpectColumnValuesToBeNull(column="metric_id"),
            evidence=f"({there} where is_in_force) except ({told})",
            narrows=True,
        ),
        present("record_kind"),
        *(present(c) for c in kept),
        *(within(c, 0, None) for c in (*emptied, *kept)),
        holds("counts of records are told or emptied together", "(n_records is null) = (n_in_analysis is null)"),
        holds(
            "coverage is told where there is something to cover, and is its share",
            f"case when n_in_analysis is null or {whole} = 0 then coverage is null else "
            f"coalesce(abs(coverage * {whole} - 100 * n_in_analysis) < 1e-6 * (1 + n_in_analysis), false) end",
        ),
    )
