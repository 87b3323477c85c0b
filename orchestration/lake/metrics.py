"""The registry of metrics as a house extends it: `reference/metrics.csv` of the home, held against the shipped one.

Keep out: computing metrics (dbt_project/). The models compute; a file can name an owner, say what a metric is called,
ask for more answers, publish less of it or close it more. What was shipped is not overwritten: what changes a figure or
its meaning is a new version, and the newest one is in force.
"""

import csv
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.errors import VoicehouseError
from orchestration.home import Home

SHIPPED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "metrics.csv"
KEY = ("metric_id", "variant", "version")
# What any version may say in its own words, and what only a new version may change.
WORDS = ("owner", "name_zh", "name_en", "description_zh", "description_en", "example", "pitfalls")
RULES = ("min_n", "maturity_days", "breakdowns", "disclosure")
NUMBERS = ("version", "min_n", "maturity_days")


@cache
def shipped() -> dict[tuple[str, str, int], dict[str, str]]:
    """The registry as shipped: (metric, variant, version) → row."""
    with SHIPPED.open(encoding="utf-8") as file:
        return {(r["metric_id"], r["variant"], int(r["version"])): r for r in csv.DictReader(file)}


@cache
def columns() -> dict[str, str]:
    """Columns of the registry with their DuckDB types."""
    names = next(iter(shipped().values()))
    return {n: "BIGINT" if n in NUMBERS else "BOOLEAN" if n == "is_headline" else "VARCHAR" for n in names}


def path_of(home: Home) -> Path:
    """Where a house extends the registry."""
    return home.root / "reference" / "metrics.csv"


def digest(home: Home) -> str:
    """Changes when the house's file does; empty without one."""
    path = path_of(home)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def house_metrics(home: Home) -> list[dict[str, Any]]:
    """The house's own rows, filled up from the newest shipped version of the same metric and variant.

    Raises VoicehouseError that names every line and column which does not fit.
    """
    path = path_of(home)
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            given = [(reader.line_num, r) for r in reader]
            header = list(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error):
        raise VoicehouseError("reference/metrics.csv cannot be read: it has to be a CSV file in UTF-8") from None
    wrong = [f"the header: {c!r} is no column of the registry" for c in header if c not in columns()]
    wrong += [f"the header: {c} is missing" for c in KEY if c not in header]
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    for line, row in given if not wrong else ():
        if None in row or None in row.values():
            wrong.append(f"line {line}: it has not as many fields as the header")
            continue
        told = {c: v.strip() for c, v in row.items() if v.strip()}
        problems = _problems(told)
        wrong += [f"line {line}, {problem}" for problem in problems]
        if not problems:
            key = (told["metric_id"], told["variant"], int(told["version"]))
            if key in rows:
                wrong.append(f"line {line}, version: this version stands twice")
            rows[key] = {**_base(key), **told}
    if wrong:
        raise VoicehouseError("reference/metrics.csv does not fit the registry of metrics: " + "; ".join(wrong))
    return [_typed(row) for row in rows.values()]


def _problems(told: dict[str, str]) -> list[str]:
    """What is wrong with one line: 'column: why' each."""
    versions = {
        version: row
        for (metric, variant, version), row in shipped().items()
        if (metric, variant) == (told.get("metric_id"), told.get("variant"))
    }
    if not versions:
        return ["metric_id: there is no such metric and variant"]
    found = [
        f"{c}: has to be a whole number of at least {least}"
        for c, least in (("version", 1), ("min_n", 1), ("maturity_days", 0))
        if (c in told or c == "version")
        and not (told.get(c, "").isascii() and told.get(c, "").isdigit() and int(told[c]) >= least)
    ]
    if found:
        return found
    newest, version = max(versions), int(told["version"])
    base = versions.get(version, versions[newest])
    changed = [c for c, value in told.items() if c not in KEY and value != base[c]]
    found += [f"{c}: the models compute it, a file cannot change it" for c in changed if c not in (*WORDS, *RULES)]
    if version <= newest and version not in versions:
        found.append("version: there is no such version, and a new one has to come after those shipped")
    if version in versions:
        found += [f"{c}: that takes a new version, from {newest + 1} on" for c in changed if c in RULES]
    shown = set(base["breakdowns"].split(";"))
    if unknown := set(told.get("breakdowns", base["breakdowns"]).split(";")) - shown:
        found.append(f"breakdowns: the models do not cut by {', '.join(sorted(unknown))}")
    if "disclosure" in told and told["disclosure"] not in ("subject", "operational"):
        found.append("disclosure: has to be subject or operational")
    elif base["disclosure"] == "subject" and told.get("disclosure") == "operational":
        found.append("disclosure: a metric about persons stays one")
    return found


def _base(key: tuple[str, str, int]) -> dict[str, str]:
    """The shipped row that a house's row of this key is filled up from."""
    metric, variant, _ = key
    newest = max(version for m, v, version in shipped() if (m, v) == (metric, variant))
    return shipped().get(key) or shipped()[metric, variant, newest]


def _typed(row: dict[str, str]) -> dict[str, Any]:
    """A row as the registry's columns have it."""
    return {
        name: None if row[name] == "" else int(row[name]) if name in NUMBERS
        else row[name].lower() == "true" if name == "is_headline" else row[name]
        for name in columns()
    }  # fmt: skip
