"""What `kpi_choices` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from great_expectations import expectations as gxe

from expectations.rules import BATCH, Rule, holds


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    named = "metric_id, variant, period_grain, breakdown"
    offered, there = f"select {named} from {BATCH}", f"select {named} from {schema}.kpi_values"
    return (
        Rule(
            "what is offered is what stands in the published figures",
            gxe.ExpectColumnValuesToBeNull(column="metric_id"),
            evidence=f"({offered} except {there}) union all ({there} except {offered})",
            narrows=True,
        ),
        holds("rows are there, and hidden ones among them", "n_rows > 0 and n_rows_hidden between 0 and n_rows"),
        holds("the first period is not after the last", "first_period <= last_period"),
    )
