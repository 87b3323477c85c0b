"""Speed and quality of redaction: `python -m tests.bench.bench_redaction [folder of labelled public texts]`.

Keep out: thresholds; the tests hold them.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from orchestration.privacy.redaction import install, redact_sql
from orchestration.privacy.rules import all_rules
from tests.bench.redaction_measure import Labelled, measure
from tests.bench.redaction_texts import clean, labelled

# The two large public files name the same thing differently.
PUBLIC_LABELS = {
    "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "US_SSN": "ID", "US_DRIVER_LICENSE": "ID", "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "DOMAIN_NAME": "URL", "PERSON": "NAME", "ADDRESS": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
}  # fmt: skip


def public(path: Path) -> Iterator[Labelled]:
    """The texts of one file of labelled public sentences; what no rule looks for is labelled OTHER."""
    for sample in json.loads(gzip.decompress(path.read_bytes())):
        spans = tuple(
            (s["start_position"], s["end_position"], PUBLIC_LABELS.get(s["entity_type"], "OTHER"))
            for s in sample["spans"]
        )
        yield Labelled(sample["full_text"], spans)


def _print_quality(title: str, samples: Iterator[Labelled]) -> None:
    result = measure(samples)
    print(f"\n{title}: {result.characters} characters, {result.wrong_characters} masked outside any label")
    for token in sorted(result.labelled | result.put):
        print(
            f"  {token:8} labelled {result.labelled[token]:5} recall {result.recall(token):.4f}"
            f"   put {result.put[token]:5} precision {result.precision(token):.4f}"
        )


def _print_speed(title: str, texts: list[str]) -> None:
    con = duckdb.connect()
    con.execute("set threads = 1")
    install(con)
    con.execute(
        "create table x as select unnest($1::varchar[]) as t, ['Zhang Wei'] as name, ['z.wei@example.com'] as email",
        [texts],
    )
    megabytes = sum(len(t.encode()) for t in texts) / 1e6
    own = {"name": "name", "email": "email"}
    steps = {
        "normal": "redact_normal(t)",
        **{r.name: f"redact_{r.name}(t)" for r in all_rules()},
        "all": redact_sql("t", own, None),
    }
    print(f"\n{title}: {len(texts)} texts, {megabytes:.1f} MB, one thread, CPU time")
    for name, expression in steps.items():
        started = time.process_time()
        con.execute(f"select count({expression}) from x").fetchall()
        spent = time.process_time() - started
        print(f"  {name:14} {spent:7.3f} s {len(texts) / spent:12,.0f} texts/s {megabytes / spent:8.1f} MB/s")


def main(folder: Path | None) -> None:
    """Print speed and quality of the made-up halves and, where given, of the public files."""
    _print_quality("made up, tuned on", labelled("tune", 40))
    _print_quality("made up, reported", labelled("report", 40))
    _print_quality("clean and number-rich, reported", clean("report", 60))
    _print_speed("made up", [s.text for half in ("tune", "report") for s in labelled(half, 150)])
    for path in sorted(folder.glob("*.json.gz")) if folder else ():
        _print_quality(path.name, public(path))
        _print_speed(path.name, [s.text for s in public(path)] * 5)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
