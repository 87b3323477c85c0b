"""Writes docs/data_dictionary.md: the contracts of what enters, the metrics and columns of what leaves.

Keep out: definitions; they are read from orchestration/records/ and dbt_project/. Run `python docs/data_dictionary.py`.
"""

import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MARTS = ROOT / "dbt_project" / "models" / "marts"
METRICS = ROOT / "dbt_project" / "seeds" / "metrics.csv"
CLASSES = {
    "identifier": "names a person: kept in the vault only",
    "record_key": "names a record at its source: a keyed hash outside, the original sealed in the vault",
    "quasi": "narrows a person down together with others: generalised",
    "text": "what somebody wrote or said: redacted",
    "sensitive": "decides what may be done with the row; does not pass the gate",
    "plain": "says nothing of who a person is",
}


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """A Markdown table."""
    head = list(head)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(str(c).replace('|', '¦') for c in row)} |" for row in rows), ""]


def records() -> list[str]:
    """What enters: one table per record kind."""
    from orchestration.records import KINDS, LINEAGE

    lines = [
        "## Record kinds",
        "",
        "What a source's `<kind>.sql` may give, and what stands behind the gate. A field left out is null; a value that "
        "does not fit its type, vocabulary or bounds rejects its row, counted. Times are UTC.",
        "",
        *table(("privacy class", "what becomes of it"), CLASSES.items()),
    ]
    for kind, record in KINDS.items():
        lines += [f"### {kind}", "", f"{record.grain} Key: {', '.join(f'`{k}`' for k in record.key)}.", ""]
        rows = []
        for f in record.fields:
            allowed = ", ".join(f.values) or " to ".join(
                "…" if b is None else f"{b:g}" for b in (f.minimum, f.maximum) if (f.minimum, f.maximum) != (None, None)
            )
            name = f"`{f.name}`" + (" *" if f.required else "")
            rows.append((name, f.type, f.unit or "", f.privacy.value, f"`{f.protected_name}`" if f.protected_name else "—",
                         f.description, allowed))  # fmt: skip
        lines += table(
            ("field (* required)", "type", "unit", "privacy", "behind the gate", "what it is", "allowed"), rows
        )
    return [
        *lines,
        "### Columns that every protected row carries",
        "",
        ", ".join(f"`{f.name}`" for f in LINEAGE) + ".",
        "",
    ]


def metrics() -> list[str]:
    """What is measured: the shipped registry."""
    with METRICS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        "## Metrics",
        "",
        "The registry as shipped; a home may add to it. The first variant of a metric is its headline. The published "
        "registry, `kpi_metrics`, holds formulas, examples and pitfalls too.",
        "",
        *table(
            ("metric", "variant", "名称", "name", "unit", "what counts", "disclosure"),
            (
                (f"`{r['metric_id']}`", f"`{r['variant']}`", r["name_zh"], r["name_en"], r["unit"], r["description_en"],
                 r["disclosure"])
                for r in rows
            ),
        ),
    ]  # fmt: skip


def marts() -> list[str]:
    """What leaves: the columns of each published table, zh and en; then those of the dimensions and facts behind."""
    published = [
        *_described("kpis", "models"),
        *_described("kpis", "sources"),
        *_described("core", "models", public=True),
    ]
    closed = _described("core", "models", public=False)
    shared = next([c["name"] for c in m["columns"]] for m in published if m["name"] == "kpi_values")
    return [
        "## Published tables",
        "",
        "Each mart of KPI cells has the columns of `kpi_values` and those named below it. `suppressed_reason` says why a "
        "row is hidden: its value, counts and parts are empty then.",
        "",
        *_tables(sorted(published, key=lambda m: (m["name"] != "kpi_values", m["name"])), shared),
        "## Dimensions and facts of the warehouse",
        "",
        "Rows of persons, records and members of staff: never published; what a team may read of them is in "
        "`serving/team.duckdb`.",
        "",
        *_tables(sorted(closed, key=lambda m: m["name"]), shared),
    ]


def _described(folder: str, what: str, public: bool | None = None) -> list[dict[str, Any]]:
    """Entries of models, or of tables that publication writes; `public` chooses by who may read them."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((MARTS / folder).glob("*.yml"))]
    if what == "sources":
        return [t for f in files for s in f.get("sources", []) for t in s["tables"]]
    models = [m for f in files for m in f.get("models", [])]
    return [m for m in models if public is None or (m.get("access") == "public") == public]


def _tables(models: list[dict[str, Any]], shared: list[str]) -> list[str]:
    """One section per model; a mart of cells names only what it adds to the columns it shares with kpi_values."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(MARTS.rglob("*.md")))
    found = re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", "".join(texts), re.S)
    docs = {name: " ".join(words.split()) for name, words in found}
    lines = []
    for model in models:
        columns = model["columns"]
        is_wide = model["name"] != "kpi_values" and set(shared) <= {c["name"] for c in columns}
        own = [c for c in columns if not (is_wide and c["name"] in shared)]
        lines += [f"### {model['name']}", "", " ".join(model["description"].split()), ""]
        if own:
            rows = ((f"`{c['name']}`", c["data_type"], *_labels(c["description"], docs)) for c in own)
            lines += table(("column", "type", "列", "what it is"), rows)
    return lines


def _labels(description: str, docs: dict[str, str]) -> tuple[str, str]:
    """Chinese and English of a column, which are written 'zh | en', directly or in a doc block."""
    block = re.fullmatch(r"{{ doc\(\"(\w+)\"\) }}", description.strip())
    zh, _, en = (docs[block[1]] if block else description).partition("|")
    return zh.strip(), en.strip()


def text() -> str:
    """The whole page."""
    head = [
        "# Data dictionary",
        "",
        "Written by `python docs/data_dictionary.py` from the contracts; do not edit. 数据字典由命令生成，请勿手改。",
        "",
    ]
    return "\n".join([*head, *marts(), *metrics(), *records()]).rstrip() + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    Path(__file__).with_suffix(".md").write_text(text(), encoding="utf-8")
