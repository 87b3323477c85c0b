"""What every published KPI cell owes, in the long table and in the wide ones: counts, bounds, intervals, hiding.

Keep out: what a single mart adds (leaving/<mart>.py). Only rules over columns that the mart has are asked.
"""

from expectations.rules import Rule, holds, one_of, present, quoted, unique, within
from orchestration.privacy.disclosure import CELL, DIMENSIONS, KEPT

GRAINS = ("day", "week", "month", "quarter", "year", "all")
SLACK = "1e-6 * greatest(1, abs(value))"  # rounding of floating point


def is_cells(columns: dict[str, str]) -> bool:
    """Whether a mart holds KPI cells, rather than a registry or a ledger."""
    return {"metric_id", "value", "suppressed_reason"} <= set(columns)


def rules(columns: dict[str, str]) -> tuple[Rule, ...]:
    """The rules of a mart of cells; columns: name to DuckDB type."""
    has = columns.__contains__
    hidden = [c for c in columns if c not in KEPT]
    counts = [c for c in columns if c.startswith("n_") and columns[c] == "BIGINT"]
    found = [
        unique("one row per cell", tuple(c for c in CELL if has(c))),
        *(present(c) for c in ("metric_id", "variant", "breakdown") if has(c)),
        *([one_of("period_grain", GRAINS)] if has("period_grain") else []),
        *([holds("a period ends after it starts", "period_start < period_end")] if has("period_end") else []),
        *(within(c, 0, None) for c in counts),
        holds(
            "a hidden row shows neither value nor counts nor parts",
            f"suppressed_reason is null or not ({' or '.join(f'{quoted(c)} is not null' for c in hidden)})",
        ),
    ]
    if has("n_answered") and has("n_eligible"):
        found.append(holds("no more answers than were asked for", "n_answered <= n_eligible"))
    if has("ci_low") and has("ci_high"):
        # The adjusted Wald interval of one single answer stops short of 100 points by its own formula.
        several = "coalesce(n_answered, 2) > 1 and" if has("n_answered") else ""
        inside = f"value between ci_low - {SLACK} and ci_high + {SLACK}"
        found.append(holds("the interval holds the value", f"case when {several} value is not null then {inside} end"))
    if has("denominator"):
        found.append(
            holds("a value has a denominator above zero", "case when value is not null then denominator > 0 end")
        )
    if has("breakdown"):
        dims = [d for d in DIMENSIONS if has(d)]
        named = " and ".join(f"({quoted(d)} is null or list_contains(parts, '{d}'))" for d in dims)
        found.append(
            holds(
                "dimensions outside the breakdown are empty",
                f"list_transform([string_split(breakdown, ',')], lambda parts: {named or 'true'})[1]",
            )
        )
    return tuple(found)


def bounds(schema: str, threshold: int) -> tuple[Rule, ...]:
    """Rules that need the registry beside the mart: bounds by unit, and the size of cells about persons.

    `threshold`: distinct subjects below which a cell of class `subject` must be hidden.
    """
    registry = f"(select (m.metric_id, m.variant) from {schema}.kpi_metrics m where {{}})"
    share = registry.format("m.unit = 'percent' and m.variant not in ('net_revenue', 'period')")
    points = registry.format("m.unit = 'points'")
    subject = registry.format("m.disclosure = 'subject'")
    counts = ("n_subjects", "n_answered", "n_eligible", "denominator", "numerator", "value")
    n = f"coalesce({', '.join(counts)})"
    is_empty = f"greatest({', '.join(f'abs(coalesce({c}, 0))' for c in counts)}) = 0"

    def of(metrics: str, condition: str) -> str:
        return f"case when (metric_id, variant) in {metrics} and value is not null then {condition} end"

    return (
        holds("shares lie within 0 and 100", of(share, f"value between -{SLACK} and 100 + {SLACK}")),
        holds("points lie within -100 and 100", of(points, f"value between -100 - {SLACK} and 100 + {SLACK}")),
        holds("cells about persons have enough of them", of(subject, f"{is_empty} or {n} >= {threshold}")),
        holds("every metric is in the registry", f"(metric_id, variant) in {registry.format('true')}"),
    )
