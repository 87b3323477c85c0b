"""Redaction measured: what it finds, with intervals, and how fast it is beside Presidio on the same texts, in one run.

Keep out: thresholds (the tests and C19 hold them), where texts come from, how speed is measured (redaction_speed.py).

    python -m tests.bench.bench_redaction [--public FOLDER] [--presidio PYTHON] [--write]

--public: folder of labelled public sentences (presidio-research, *.json.gz). --presidio: interpreter of an environment
made from requirements-bench.lock. --write: keep the figures in orchestration/privacy/redaction_measured.json and the
table in docs/privacy.md (needs --public; without --presidio speeds stay as they were measured of the same rules).
"""

import argparse
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestration.home import now
from orchestration.privacy import ner
from orchestration.privacy.measured import is_current, measured, wilson
from orchestration.privacy.redaction import version
from tests.bench import redaction_table
from tests.bench.own_texts import own_labelled, whose
from tests.bench.redaction_measure import Labelled, Measured, measure, redacted
from tests.bench.redaction_speed import speed
from tests.bench.redaction_texts import EVASION_LIMITS, EVASIONS, clean, labelled
from tests.bench.third_persons import plain, third_labelled

MEASURED = Path(__file__).parents[2] / "orchestration" / "privacy" / "redaction_measured.json"

# The two large public files name the same thing differently; places, dates, titles and names of firms are no
# identifiers.
PUBLIC_LABELS = {
    "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "US_SSN": "ID", "US_DRIVER_LICENSE": "ID", "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "DOMAIN_NAME": "DOMAIN", "PERSON": "NAME", "ADDRESS": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
}  # fmt: skip


# Titles and degrees that the set labels as part of a person's name, or as a name of their own: they identify nobody.
_TITLES = re.compile(
    r"^(?:(?:mrs?|ms|miss|dr|prof)\b\.?\s*)+|(?:\s+(?:phd|md|dds|dvm|jr\.?|sr\.?|ii|iii|iv|v))+$", re.IGNORECASE
)


def public(path: Path) -> Iterator[Labelled]:
    """The texts of one file of labelled public sentences; what no rule looks for is labelled OTHER."""
    for sample in _samples(path):
        yield _labelled(sample)


def public_half(folder: Path, half: str) -> Iterator[Labelled]:
    """Public sentences of a half of the templates; only persons and what rules look for are labelled.

    Models were chosen on the half "tune", even numbers; no template of it, whatever its number, stands in "report".
    """
    samples = [s for path in sorted(folder.glob("*.json.gz")) for s in _samples(path)]
    tuned = {_template(s) for s in samples if s["template_id"] % 2 == 0}
    for sample in samples:
        if (_template(sample) in tuned) == (half == "tune"):
            text = _labelled(sample)
            yield replace(text, spans=tuple(s for s in text.spans if s[2] != "OTHER"))


def _samples(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def _template(sample: dict[str, Any]) -> str:
    """The sentence without the values that were put into it."""
    return re.sub(r"\W+", " ", re.sub(r"\{\{.*?\}\}", "", sample["masked"])).lower()


def _labelled(sample: dict[str, Any]) -> Labelled:
    return Labelled(sample["full_text"], tuple(_public_span(sample["full_text"], s) for s in sample["spans"]))


def _public_span(text: str, span: dict[str, Any]) -> tuple[int, int, str]:
    start, end, what = span["start_position"], span["end_position"], PUBLIC_LABELS.get(span["entity_type"], "OTHER")
    if what == "NAME":
        name = text[start:end]
        bare = _TITLES.sub("", name)
        if not bare:
            return start, end, "OTHER"
        start += name.index(bare)
        end = start + len(bare)
    return start, end, what


def quality(folder: Path | None) -> list[dict[str, Any]]:
    """One row per set, language and kind of value: n, hits, recall with its interval; precision where tokens were put.

    Sets named "with a model" were read by the language models too.
    """
    rows = _rows("made up", [*labelled("report", 150)])
    rows += _rows("own values", [*own_labelled("report", 300)])
    third = [*third_labelled("report", 100)]
    sentences = [s for path in sorted(folder.glob("*.json.gz")) for s in public(path)] if folder else []
    others = (*labelled("report", 150), *clean("report", 300), *third, *plain("report"), *sentences)
    rows += _rows("own identity", [*whose("report", 300, others)])
    rows += _rows("third persons", third) + _rows("third persons, with a model", third, ["zh"])
    rows += _wrong("numbers", [*clean("report", 300)])
    rows += _wrong("numbers, with a model", [*clean("report", 300)], ner.MODELS)
    rows += _wrong("no person, with a model", [*plain("report")], ner.MODELS)
    if folder:
        rows += _rows("public", sentences)
        half = [*public_half(folder, "report")]
        rows += [r for r in _rows("public, with a model", half, ["en"]) if r["what"] == "NAME"]
        rows += _wrong("public, with a model", half, ["en"])
    return rows


def timed(folder: Path | None) -> dict[str, list[Labelled]]:
    """The sets of texts that speed is measured on, by name."""
    sets = {"made up": [*labelled("report", 20)]}
    if folder and (samples := [s for path in sorted(folder.glob("*.json.gz")) for s in public(path)]):
        sets["public"] = samples
    return sets


def _wrong(name: str, samples: list[Labelled], models: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Characters masked that belong to no labelled value, by language."""
    rows = []
    for language in sorted({s.language for s in samples}):
        result = measure((s for s in samples if s.language == language), [*models])
        row = {"set": name, "language": language, "what": "characters", "n": result.characters}
        rows.append({**row, "hits": result.wrong_characters})
    return rows


def _rows(name: str, samples: list[Labelled], models: Iterable[str] = ()) -> list[dict[str, Any]]:
    rows = []
    for language in sorted({s.language for s in samples}):
        result: Measured = measure((s for s in samples if s.language == language), [*models])
        for what in sorted(set(result.labelled) - {"OTHER"}):
            n, hits = result.labelled[what], result.masked[what]
            low, high = wilson(hits, n)
            row: dict[str, Any] = {"set": name, "language": language, "what": what, "n": n, "hits": hits}
            row |= {"recall": round(hits / n, 4), "low": round(low, 4), "high": round(high, 4)}
            if result.put[what]:
                row |= {"put": result.put[what], "precision": round(result.precision(what), 4)}
            rows.append(row)
    return rows


def evasion() -> dict[str, int]:
    """How many ways of writing an identifier otherwise are caught, of how many; and how many limits are known."""
    results = redacted([text for text, _ in EVASIONS])
    hits = sum(r["text"] == expected for r, (_, expected) in zip(results, EVASIONS, strict=True))
    return {"n": len(EVASIONS), "hits": hits, "limits": len(EVASION_LIMITS)}


def _print_quality(rows: Iterable[dict[str, Any]]) -> None:
    print(f"redaction version {version()}\n")
    print("| set | language | what | n | recall | 95 % interval | precision |\n|---|---|---|---|---|---|---|")
    for r in rows:
        if r["what"] == "characters":
            print(
                f"| {r['set']} | {r['language']} | characters masked wrongly | {r['n']} | {r['hits'] / r['n']:.4%} | | |"
            )
        else:
            precision = f"{r['precision']:.3f}" if "precision" in r else ""
            print(
                f"| {r['set']} | {r['language']} | {r['what']} | {r['n']} | {r['recall']:.3f} | {r['low']:.3f}-{r['high']:.3f} | {precision} |"
            )


def _presidio_recall(samples: list[Labelled], found: list[list[list[Any]]]) -> dict[str, float]:
    """Recall of Presidio's default on the same labelled texts.

    All letters and digits of a value inside what it found.
    """
    n: dict[str, int] = {}
    hits: dict[str, int] = {}
    for sample, stretches in zip(samples, found, strict=True):
        covered = {i for start, end, _ in stretches for i in range(start, end)}
        for start, end, what in sample.spans:
            n[what] = n.get(what, 0) + 1
            hits[what] = hits.get(what, 0) + all(
                i in covered or not sample.text[i].isalnum() for i in range(start, end)
            )
    return {what: round(hits[what] / n[what], 4) for what in sorted(n) if what != "OTHER"}


def main() -> None:
    """Print the tables; keep the figures when asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--public", type=Path)
    parser.add_argument("--presidio", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write and not options.public:
        parser.error("--write needs --public: kept figures are complete")
    if options.write and not options.presidio and not is_current():
        parser.error("--write needs --presidio: the rules have changed since speeds were measured")
    rows = quality(options.public)
    _print_quality(rows)
    sets = timed(options.public) if options.presidio or not options.write else {}
    speeds, presidio = (measured()["speed"], measured()["presidio"]) if options.write and not sets else ({}, {})
    for name, chosen in sets.items():
        speeds[name] = speed([s.text for s in chosen], options.presidio, ner.MODELS)
        print(f"\n{name}: {len(chosen)} texts, CPU seconds on one thread\n")
        print("| what | CPU s | texts/s | MB/s | times as long as the first |\n|---|---|---|---|---|")
        for row in speeds[name]:
            found = row.pop("found", None)
            print(
                f"| {row['what']} | {row['seconds']:.3f} | {row['texts']:,.0f} | {row['megabytes']:.2f} | {row['ratio']:.1f} |"
            )
            if found and row["what"].endswith("default") and name == "public":
                presidio = _presidio_recall(chosen, found)
                print(
                    "Presidio default, recall on the same texts: " + ", ".join(f"{k} {presidio[k]}" for k in presidio)
                )
    if options.write:
        kept = {
            "redaction_version": version(),
            "measured_at": now().replace(tzinfo=None, microsecond=0).isoformat(),
            "rows": rows,
            "evasion": evasion(),
            "presidio": presidio,
            "speed": speeds,
        }
        MEASURED.write_text(json.dumps(kept, indent=1) + "\n")
        redaction_table.write(kept)


if __name__ == "__main__":
    main()
