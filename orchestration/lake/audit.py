"""The audit between write and publish: a batch or a mart against its suite of expectations.

Keep out: the rules themselves (expectations/), and what becomes of a batch that fails (promote.py, quarantine.py).
Results hold names of rules and counts, never values.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

import expectations
from orchestration.engine import identifier, let_results_end, open_read_only
from orchestration.errors import VoicehouseError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.batch_definition import BatchDefinition

    from expectations.rules import Rule

FEW_ROWS = 20  # below it a share says little: rules that allow exceptions only warn
SOME_VALUES = 1000  # more distinct values than any closed vocabulary has
COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
# What great-expectations said in this process to a question over values, both by their hash: it says the same again.
_ANSWERED: dict[bytes, bool] = {}
_STARTING = Lock()


class AuditError(VoicehouseError):
    """The audit itself could not be made: a fault of the house, never a verdict on the data."""


@dataclass(frozen=True)
class CheckResult:
    """What one rule found. A rule that is not blocking is recorded and stops nothing."""

    name: str
    passed: bool
    n_checked: int
    n_unexpected: int
    is_blocking: bool = True


@dataclass(frozen=True)
class AuditResult:
    """What a suite found; passed when no blocking rule broke."""

    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        return all(c.passed or not c.is_blocking for c in self.checks)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The blocking rules that broke."""
        return tuple(c for c in self.checks if c.is_blocking and not c.passed)


def audit_batch(table: pa.Table, kind: str, canaries: Iterable[str] = (), *, is_public: bool = False) -> AuditResult:
    """Judge one staged batch of protected rows by its kind's suite and the privacy suite.

    `canaries`: planted identities that must not stand in any column. `is_public`: the source is a declared public set,
    whose rows may be kept for ever. Raises AuditError when a rule cannot be
    evaluated. Reads memory only: the connection can neither spill nor reach a file.
    """
    with duckdb.connect(config={"temp_directory": ""}) as con:
        let_results_end(con)
        con.execute("set enable_external_access = false")
        con.register("batch", table)
        return _judge(con, "batch", (*_suite(kind, is_public), *_canaries(con, "batch", canaries)))


def audit_mart(
    con: duckdb.DuckDBPyConnection,
    mart: str,
    relation: str | None = None,
    threshold: int = 1,
    canaries: Iterable[str] = (),
) -> AuditResult:
    """Judge one mart; `relation`: where it stands, as SQL (default: its name).

    Beside it stand the registry `kpi_metrics` and the dictionary `kpi_columns`: a mart that it does not name fails.
    `threshold`: distinct subjects below which a cell about persons must be hidden. Raises AuditError when a rule
    cannot be evaluated.
    """
    _engine()
    relation = relation or f"main.{identifier(mart)}"
    schema = relation.rpartition(".")[0]
    columns, registry, declared = _columns(con, relation), _registry(con, schema), _declared(con, schema, mart)
    suite = expectations.mart_suite(mart, columns, schema, threshold, registry, declared)
    return _judge(con, relation, (*suite, *_canaries(con, relation, canaries)))


def audit_published(path: Path, canaries: Iterable[str] = ()) -> dict[str, AuditResult]:
    """Judge every table of a published file (closed, unencrypted) by the threshold it says it was made with.

    Returns table → result. Reads only.
    """
    planted = tuple(canaries)
    with open_read_only(path) as con:
        tables = [str(name) for (name,) in _fetch(con, "select table_name from duckdb_tables() order by table_name")]
        told = _fetch(con, "select max(threshold) from publication") if "publication" in tables else [(1,)]
        threshold = int(told[0][0] or 1)
        return {t: audit_mart(con, t, threshold=threshold, canaries=planted) for t in tables}


def published_failures(path: Path) -> list[str]:
    """Codes `table:rule` of the blocking rules that a published file breaks; no values."""
    return [f"{table}:{check.name}" for table, result in audit_published(path).items() for check in result.failed]


def prepare() -> None:
    """Import great-expectations beside other work: two seconds of CPU that no step need wait for.

    What goes wrong there is told by the step that asks for it again.
    """

    def start() -> None:
        with suppress(Exception):
            _engine()

    Thread(target=start, name="audit.prepare", daemon=True).start()


@cache
def _suite(kind: str, is_public: bool) -> "tuple[Rule, ...]":
    _engine()
    return expectations.batch_suite(kind, is_public)


def _engine() -> "BatchDefinition[Any]":
    """great-expectations, once per process."""
    with _STARTING:
        return _started()


@cache
def _started() -> "BatchDefinition[Any]":
    """No telemetry, files or progress bars, and no logs: those hold values."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return (
        context.data_sources.add_pandas("house").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    )


def _canaries(con: duckdb.DuckDBPyConnection, relation: str, canaries: Iterable[str]) -> "list[Rule]":
    planted = tuple(canaries)
    if not planted:
        return []
    _engine()
    from expectations.privacy import canary_rule

    return canary_rule(_columns(con, relation), planted)


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {name: type_ for name, type_, *_ in _fetch(con, f"describe {relation}")}


def _beside(con: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """Tables and views of a schema, which is named with its catalog or stands in the one in use."""
    catalog, _, name = schema.rpartition(".")
    given = f"'{catalog}'" if catalog else "current_catalog()"
    tables = "select table_name from information_schema.tables"
    where = f"where table_catalog = {given} and table_schema = '{name}'"
    return {str(table) for (table,) in _fetch(con, f"{tables} {where}")}


def _registry(con: duckdb.DuckDBPyConnection, schema: str) -> frozenset[str]:
    """Columns of the registry of metrics; empty where there is none."""
    return frozenset(_columns(con, f"{schema}.kpi_metrics") if "kpi_metrics" in _beside(con, schema) else ())


def _declared(con: duckdb.DuckDBPyConnection, schema: str, mart: str) -> dict[str, tuple[str, bool]] | None:
    """What the dictionary of columns says of a mart: name to (DuckDB type, is part of the key); None without one."""
    if "kpi_columns" not in _beside(con, schema) or "is_key_column" not in _columns(con, f"{schema}.kpi_columns"):
        return None  # a file that an earlier release served tells only what columns are called
    type_ = "replace(upper(data_type), 'DOUBLE PRECISION', 'DOUBLE')"
    told = f"select column_name, {type_}, is_key_column from {schema}.kpi_columns where mart = '{mart}' order by column_position"
    return {name: (type_, bool(is_key_column)) for name, type_, is_key_column in _fetch(con, told)}


def _fetch(con: duckdb.DuckDBPyConnection, sql: str, what: str = "the columns") -> list[tuple[Any, ...]]:
    try:
        return con.execute(sql).fetchall()
    except duckdb.Error as error:
        raise AuditError(f"the evidence for '{what}' cannot be read ({type(error).__name__})") from None


def _judge(con: duckdb.DuckDBPyConnection, relation: str, rules: "Sequence[Rule]") -> AuditResult:
    n_rows = int(_fetch(con, f"select count(*) from {relation}")[0][0])
    first = [r for r in rules if r.comes_first]
    found = _by_evidence(con, relation, first, n_rows)
    if all(c.passed for c in found.values()):
        others = [r for r in rules if not r.comes_first]
        found |= _by_values(con, relation, [r for r in others if r.evidence is None], n_rows)
        found |= _by_evidence(con, relation, [r for r in others if r.evidence is not None], n_rows)
    return AuditResult(tuple(found[r.name] for r in rules if r.name in found))


def _by_values(
    con: duckdb.DuckDBPyConnection, relation: str, rules: "Sequence[Rule]", n_rows: int
) -> dict[str, CheckResult]:
    """Rules over single values: asked about the values that stand in the column at all; only what breaks is counted."""
    if not rules:
        return {}
    import pandas as pd

    columns = {r.column: r.expression for r in rules}
    given = ", ".join(f"({e}) as c{i}" for i, e in enumerate(columns.values()))
    asked_of = f"(select {given} from {relation})"
    try:
        types = [type_ for _, type_, *_ in _fetch(con, f"describe from {asked_of}")]
        row = _fetch(con, f"select {', '.join(_facts(f'c{i}', t) for i, t in enumerate(types))} from {asked_of}")[0]
    except AuditError:
        for column, expression in columns.items():  # which one it was
            _fetch(con, f"select {expression} from {relation}", column)
        raise
    filled = dict(zip(columns, row[::2], strict=True))
    values = {
        c: (list(v or []) if filled[c] else []) + ([None] if filled[c] < n_rows else [])
        for c, v in zip(columns, row[1::2], strict=True)
    }
    # Over a column that holds nothing only the demand for a value has anything to say.
    asked = [r for r in rules if filled[r.column] or (_demands_value(r) and n_rows)]
    results = {r.name: CheckResult(r.name, True, 0, 0, r.is_blocking) for r in rules}
    # Rules that ask the same of the same values share one answer: most hold, and ask whether [true] is true.
    alike: dict[bytes, list[Rule]] = {}
    for rule in asked:
        question = f"{_question(rule)} {values[rule.column]!r}"
        alike.setdefault(hashlib.sha256(question.encode()).digest(), []).append(rule)
    told = [shared[0] for question, shared in alike.items() if question not in _ANSWERED]
    length = max((len(values[r.column]) for r in told), default=0)
    frame = pd.DataFrame({r.column: (values[r.column] * length)[:length] for r in told})
    answers = _validate(frame, told, "BOOLEAN_ONLY", strictly=True) if told else {}
    _ANSWERED.update({q: answers[shared[0].name][0] for q, shared in alike.items() if q not in _ANSWERED})
    verdicts = {r.name: _ANSWERED[question] for question, shared in alike.items() for r in shared}
    for rule in asked:
        n_checked = n_rows if _demands_value(rule) else filled[rule.column]
        passed, n_unexpected = verdicts[rule.name], 0
        if not passed:
            whole = con.execute(f"select {rule.expression} as {identifier(rule.column)} from {relation}").df()
            passed, n_unexpected = _validate(whole, [rule], COUNTS_ONLY)[rule.name]
        is_blocking = rule.is_blocking and not (rule.is_share and n_checked < FEW_ROWS)
        results[rule.name] = CheckResult(rule.name, passed, n_checked, n_unexpected, is_blocking)
    return results


def _facts(column: str, type_: str) -> str:
    """SQL: how many rows have a value, and the values.

    The least and the greatest of two truth values are all there are.
    """
    ends = f"[min({column}), max({column})]"
    return f"count({column}), " + (
        ends if type_ == "BOOLEAN" else f"list(distinct {column})[1:{SOME_VALUES}] || {ends}"
    )


def _by_evidence(
    con: duckdb.DuckDBPyConnection, relation: str, rules: "Sequence[Rule]", n_rows: int
) -> dict[str, CheckResult]:
    """Rules with a select of their own."""
    results = {}
    for rule in rules:
        try:
            frame = con.execute(str(rule.evidence).replace("{batch}", relation)).df()
        except duckdb.Error as error:
            raise AuditError(f"the evidence for '{rule.name}' cannot be read ({type(error).__name__})") from None
        passed, n_checked, n_unexpected = True, len(frame), 0
        if len(frame):
            passed, n_unexpected = _validate(frame, [rule], COUNTS_ONLY)[rule.name]
        is_blocking = rule.is_blocking and not (rule.is_share and n_checked < FEW_ROWS)
        results[rule.name] = CheckResult(
            rule.name, passed, n_rows if rule.narrows else n_checked, n_unexpected, is_blocking
        )
    return results


def _question(rule: "Rule") -> str:
    """What a rule asks of its values, whatever their column is called.

    The share it allows is left aside (`strictly`).
    """
    apart = {"column", "meta", "mostly", "severity"}
    return f"{rule.expectation.expectation_type} {rule.expectation.json(exclude=apart)}"


def _demands_value(rule: "Rule") -> bool:
    return rule.expectation.expectation_type == "expect_column_values_to_not_be_null"


def _validate(
    frame: "pd.DataFrame", rules: "Sequence[Rule]", result_format: Any, *, strictly: bool = False
) -> dict[str, tuple[bool, int]]:
    """Ask great-expectations: rule name → (passed, unexpected rows). `strictly`: allow no share of exceptions."""
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="audit")
    strict = {"mostly": 1} if strictly else {}
    suite.expectations = [r.expectation.copy(update={"meta": {"rule": r.name}, **strict}) for r in rules]
    found = _engine().get_batch({"dataframe": frame}).validate(suite, result_format=result_format)
    answers = {}
    for result in found.results:
        name = result.expectation_config.meta["rule"]
        if _raised(result.exception_info):
            raise AuditError(f"great-expectations could not evaluate '{name}'")
        answers[name] = (bool(result.success), int((result.result or {}).get("unexpected_count") or 0))
    unanswered = {r.name for r in rules} - set(answers)
    if unanswered:
        raise AuditError(f"great-expectations gave no answer to {sorted(unanswered)}")
    return answers


def _raised(info: dict[str, Any] | None) -> bool:
    """Whether an exception stands behind a result: GX reports it as a failed check."""
    info = info or {}
    return bool(info.get("raised_exception")) or any(_raised(v) for v in info.values() if isinstance(v, dict))
