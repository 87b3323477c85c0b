"""One rule: an expectation of great-expectations, and the evidence it is asked about.

Keep out: which kind or mart owes what. A rule over single values is asked about the distinct values of its column,
so it never sees more rows than it must; a rule that breaks is counted over every row afterwards.
"""

from dataclasses import dataclass

from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation

BATCH = "{batch}"  # stands for the relation under audit


@dataclass(frozen=True)
class Rule:
    """A named expectation.

    `evidence`: a select over {batch} whose rows the expectation is asked about; None: the values of `column`.
    `column`, `expression`: for rules over single values, the column of the frame and the SQL that gives it.
    `narrows`: the evidence holds only rows that may break the rule, so every row counts as checked.
    `comes_first`: where it breaks, no other rule has anything to stand on, and none is asked.
    """

    name: str
    expectation: Expectation
    evidence: str | None = None
    column: str = ""
    expression: str = ""
    narrows: bool = False
    comes_first: bool = False

    @property
    def is_blocking(self) -> bool:
        """A critical rule stops the batch or mart; a warning is only recorded."""
        return str(self.expectation.severity).rpartition(".")[2].lower() == "critical"

    @property
    def is_share(self) -> bool:
        """It allows a share of exceptions."""
        return getattr(self.expectation, "mostly", 1) not in (None, 1, 1.0)


def quoted(column: str) -> str:
    """A column's name as SQL."""
    return '"' + column.replace('"', '""') + '"'


def present(column: str) -> Rule:
    """Never null."""
    name = f"{column} is present"
    return Rule(
        name,
        gxe.ExpectColumnValuesToNotBeNull(column=name),
        column=name,
        expression=f"nullif({quoted(column)} is not null, false)",
    )


def one_of(column: str, values: tuple[str, ...]) -> Rule:
    """Null or a word of a closed vocabulary."""
    return Rule(
        f"{column} is a word of its vocabulary",
        gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values)),
        column=column,
        expression=quoted(column),
    )


def within(column: str, minimum: float | None, maximum: float | None) -> Rule:
    """Null or inside the bounds, both included."""
    bounds = " to ".join("…" if b is None else f"{b:g}" for b in (minimum, maximum))
    return Rule(
        f"{column} lies within {bounds}",
        gxe.ExpectColumnValuesToBeBetween(column=column, min_value=minimum, max_value=maximum),
        column=column,
        expression=quoted(column),
    )


def shaped(column: str, pattern: str, name: str) -> Rule:
    """Null or of a form given by a regular expression."""
    return Rule(
        name,
        gxe.ExpectColumnValuesToMatchRegex(column=column, regex=pattern),
        column=column,
        expression=quoted(column),
    )


def holds(name: str, condition: str, *, mostly: float = 1, severity: str = "critical") -> Rule:
    """A SQL condition, true of every row it says anything of (null: nothing), or of the share `mostly` of them."""
    return Rule(
        name,
        gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[True], mostly=mostly, severity=severity),
        column=name,
        expression=condition,
    )


def in_order(earlier: str, later: str, *, mostly: float = 0.8, severity: str = "critical") -> Rule:
    """Where both times are known, the later one is not before the earlier: tells swapped or misread columns.

    Single odd rows are data-quality findings of the models and do not stop a batch.
    """
    name = f"{later} is not before {earlier}"
    return holds(name, f"{quoted(later)} >= {quoted(earlier)}", mostly=mostly, severity=severity)


def unique(name: str, columns: tuple[str, ...], *, severity: str = "critical") -> Rule:
    """No two rows agree in these columns."""
    listed = ", ".join(f"coalesce({quoted(c)}::varchar, '') as {quoted(c)}" for c in columns)
    if len(columns) == 1:
        expectation = gxe.ExpectColumnValuesToBeUnique(column=columns[0], severity=severity)
    else:
        expectation = gxe.ExpectCompoundColumnsToBeUnique(column_list=list(columns), severity=severity)
    return Rule(
        name,
        expectation,
        evidence="select * exclude (copies, copy) from (select *, unnest(range(copies)) as copy from "
        f"(select {listed}, count(*) as copies from {BATCH} group by all having count(*) > 1))",
        narrows=True,
    )


def same_shape(declared: dict[str, str]) -> Rule:
    """Exactly these columns, of exactly these DuckDB types."""
    listed = ", ".join(f"('{name}', '{type_}')" for name, type_ in declared.items()) or "(null, null)"
    return Rule(
        "columns and types are those of the contract",
        gxe.ExpectColumnPairValuesToBeEqual(column_A="found", column_B="declared", ignore_row_if="neither"),
        evidence="select coalesce(f.column_type, 'absent') as found, coalesce(d.column_type, 'absent') as declared "
        f"from (values {listed}) d(column_name, column_type) "
        f"full join (describe {BATCH}) f on f.column_name = d.column_name",
        comes_first=True,
    )


def currency(column: str = "currency") -> Rule:
    """An ISO 4217 code, upper case, as the FX rates are keyed."""
    return shaped(column, "^[A-Z]{3}$", f"{column} is an ISO 4217 code")


def timezone(column: str = "timezone") -> Rule:
    """Looks like an IANA zone."""
    return shaped(column, "^(?:UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)$", f"{column} is an IANA zone")
