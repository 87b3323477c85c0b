"""What every measure gives back, one row a figure, and how the rows are printed.

Keep out: measuring.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measured figure.

    `value` in `unit`, None where it was not measured (`spread` says why); `target` as a person reads it, '' where none
    is set; `met` None where there is no target.
    `spread` says how much the figure moved over its rounds, '' when it was measured once.
    """

    group: str
    name: str
    value: float | None
    unit: str
    target: str = ""
    met: bool | None = None
    spread: str = ""

    @property
    def figure(self) -> str:
        """The value as it is printed."""
        return "not measured" if self.value is None else rounded(self.value)

    @property
    def verdict(self) -> str:
        """'yes', 'no' or '' against the target."""
        return "" if self.met is None else "yes" if self.met else "no"


def rounded(value: float) -> str:
    """A figure as the table prints it: three digits, and all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def spread(values: Sequence[float]) -> str:
    """The least and the most of what was measured, '' where all is alike or measured once."""
    return f"{rounded(min(values))}-{rounded(max(values))}" if min(values) < max(values) else ""


HEADINGS = ("measure", "figure", "unit", "target", "met", "spread")


def show(rows: Iterable[Row]) -> None:
    """Print one table to the terminal."""
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading == "figure" else "left")
    group = ""
    for row in rows:
        if row.group != group:
            table.add_section()
            table.add_row(row.group, style="bold")
            group = row.group
        table.add_row(row.name, row.figure, row.unit, row.target, row.verdict, row.spread)
    Console(width=150).print(table)


def markdown(rows: Iterable[Row]) -> str:
    """The same table for docs/benchmarks.md."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|--:|---|---|---|---|"]
    group = ""
    for row in rows:
        if row.group != group:
            lines.append(f"| **{row.group}** | | | | | |")
            group = row.group
        lines.append(f"| {row.name} | {row.figure} | {row.unit} | {row.target} | {row.verdict} | {row.spread} |")
    return "\n".join(lines) + "\n"
