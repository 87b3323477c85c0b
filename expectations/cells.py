"""What every published KPI cell owes, in the long table and in the wide ones: counts, bounds, intervals, hiding.

Keep out: what a single mart adds (leaving/<mart>.py). Only rules over columns that the mart has are asked. Bounds,
classes and breakdowns are those of the registry that stands beside the mart, in the version that a row names.
"""

from expectations.rules import Rule, holds, one_of, present, quoted, unique
from orchestration.privacy.disclosure import CELL, DIMENSIONS, KEPT

GRAINS = ("day", "week", "month", "quarter", "year", "all")
SLACK = "1e-6 * greatest(1, abs(value))"  # rounding of floating point


def is_cells(columns: dict[str, str]) -> bool:
    """Whether a mart holds KPI cells, rather than a registry or a ledger."""
    return {"metric_id", "value", "suppressed_reason"} <= set(columns)


def rules(columns: dict[str, str], registry: frozenset[str], schema: str, threshold: int) -> tuple[Rule, ...]:
    """The rules of a mart of cells; columns: name to DuckDB type.

    `registry`: columns of the registry `kpi_metrics` in `schema`, where the mart stands; empty where there is none.
    `threshold`: distinct subjects below which a cell of class `subject` must be hidden.
    """
    has = columns.__contains__
    hidden = [c for c in columns if c not in KEPT]
    counts = [c for c in columns if c.startswith("n_") and columns[c] == "BIGINT"]
    found = [
        unique("one row per cell", tuple(c for c in CELL if has(c))),
        *(present(c) for c in ("metric_id", "variant", "breakdown") if has(c)),
        *([one_of("period_grain", GRAINS)] if has("period_grain") else []),
        *([holds("a period ends after it starts", "period_start < period_end")] if has("period_end") else []),
        holds(
            "a hidden row shows neither value nor counts nor parts",
            f"suppressed_reason is null or not ({' or '.join(f'{quoted(c)} is not null' for c in hidden)})",
        ),
    ]
    if counts:
        found.append(holds("no count is below zero", f"least({', '.join(map(quoted, counts))}) >= 0"))
    if has("period_grain") and has("period_start"):
        found.append(
            holds("only the grain 'all' may have no period", "period_grain = 'all' or period_start is not null")
        )
    if has("n_answered") and has("n_eligible"):
        found.append(holds("no more answers than were asked for", "n_answered <= n_eligible"))
    if has("ci_low") and has("ci_high"):
        # The adjusted Wald interval of one single answer stops short of 100 points by its own formula.
        several = "coalesce(n_answered, 2) > 1 and" if has("n_answered") else ""
        inside = f"value between ci_low - {SLACK} and ci_high + {SLACK}"
        found.append(holds("the interval holds the value", f"case when {several} value is not null then {inside} end"))
    if has("difference"):
        found += [
            holds("a difference needs the value before", "difference is null or previous_value is not null"),
            holds(
                "only a known interval can be significant",
                "not is_significant or difference_ci_low is not null or difference_ci_high is not null",
            ),
        ]
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
    return (*found, *_registered(columns, registry, schema, threshold))


def _registered(columns: dict[str, str], registry: frozenset[str], schema: str, threshold: int) -> list[Rule]:
    """What the registry says of a row's metric.

    That there is one, bounds by unit, who is counted, by what it is cut.
    """
    if not registry:
        return []
    has = columns.__contains__
    key = ["metric_id", "variant", *(["metric_version"] if has("metric_version") else [])]
    named = ", ".join("m.version" if c == "metric_version" else f"m.{c}" for c in key)
    row = f"({', '.join(key)})"

    def of(condition: str) -> str:
        return f"(select ({named}) from {schema}.kpi_metrics m where {condition})"

    def where(metrics: str, condition: str) -> str:
        return f"case when {row} in {metrics} and value is not null then {condition} end"

    counts = [c for c in ("n_subjects", "n_answered", "n_eligible", "denominator", "numerator", "value") if has(c)]
    n = f"coalesce({', '.join(counts)})"
    is_empty = f"greatest({', '.join(f'abs(coalesce({c}, 0))' for c in counts)}) = 0"
    share, points = of("m.unit = 'percent' and m.variant not in ('net_revenue', 'period')"), of("m.unit = 'points'")
    found = [
        holds("shares lie within 0 and 100", where(share, f"value between -{SLACK} and 100 + {SLACK}")),
        holds("points lie within -100 and 100", where(points, f"value between -100 - {SLACK} and 100 + {SLACK}")),
        holds(
            "cells about persons have enough of them",
            where(of("m.disclosure = 'subject'"), f"{is_empty} or {n} >= {threshold}"),
        ),
        holds("every metric is in the registry", f"{row} in {of('true')}"),
    ]
    if "breakdowns" in registry and has("breakdown"):
        cuts = f"select ({named}, b.cut) from {schema}.kpi_metrics m, unnest(string_split(m.breakdowns, ';')) b(cut)"
        found.append(
            holds(
                "only declared breakdowns are published",
                f"case when {row} in {of('true')} then ({', '.join(key)}, breakdown) in ({cuts}) end",
            )
        )
    return found
