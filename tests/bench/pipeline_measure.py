"""Whole runs of the sample company: a million records by step, growth, an increment, nothing new, dashboards behind it.

Keep out: how a run is made and timed (runs.py) and what is written (company.py).
Run: python -m tests.bench.pipeline_measure [records …]
"""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree
from statistics import median

from tests.bench import company, runs, serving_measure
from tests.bench.runs import Run
from tests.bench.table import Row, show, spread

TINY = 3_500
STEPS = ("extract", "guard", "load", "model", "quality", "serve")


ONCE_ABOVE = 1_000_000


def measured(sizes: Iterable[int], increment_at: int | None = None, rounds: int = 1) -> Iterator[list[Row]]:
    """Run every size in a home of its own; the increment and the run with nothing new are made on `increment_at`.

    The tiny company first: what a run costs that has next to no data. Its seconds are shown apart, never subtracted
    from the figures of the big ones; the increment's data-dependent work is its run less a run with nothing new.
    Dashboards are asked on what the last size serves. Whole runs are made `rounds` times, each in a home of its own,
    those of more than a million records once; where one stands for all, it is the one in the middle.
    """
    found: dict[int, tuple[int, Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "none"
        for records in (TINY, *sizes):
            rmtree(base, ignore_errors=True)  # of the size before: two of them are more than a disk may have
            base = Path(folder) / str(records)
            history, increment = company.write(base / "written", records)
            inbox = copytree(base / "written" / "history", base / "inbox")
            done = []
            for _ in range(rounds if records <= ONCE_ABOVE else 1):
                rmtree(base / "home", ignore_errors=True)
                runs.make_home(base / "home", inbox)
                copytree(base / "written" / "reference", base / "home" / "reference", dirs_exist_ok=True)
                done.append(runs.run(base / "home"))
            middle = sorted(done, key=lambda run: run.seconds)[len(done) // 2]
            found[records] = (history, middle)
            yield _whole(history, done, fixed=records == TINY, is_target=records == 1_000_000)
            if records == increment_at:
                idle = [runs.run(base / "home") for _ in range(rounds)]
                copytree(base / "written" / "increment", inbox, dirs_exist_ok=True)
                yield _increment(history, increment, middle, idle, runs.run(base / "home"))
        yield serving_measure.measure(base / "home" / "serving" / "kpi.duckdb")
    yield _growth([v for size, v in found.items() if size != TINY])


def _whole(records: int, done: list[Run], *, fixed: bool, is_target: bool) -> list[Row]:
    group = f"whole run, {records:,} records" + (" (what a run costs without data)" if fixed else "")

    def row(name: str, values: list[float], unit: str = "s") -> Row:
        return Row(group, name, median(values), unit, spread=spread(values))

    marts = row("sealed pages to served marts", [r.after_extraction for r in done])
    return [
        replace(marts, target="≤ 60", met=marts.value <= 60) if is_target and marts.value else marts,
        *(row(f"  {step}", [r.steps.get(step, 0.0) for r in done]) for step in STEPS),
        row("  between steps", [r.between_steps for r in done]),
        row("start-up and summary", [r.start_up for r in done]),
        row("all of it", [r.seconds for r in done]),
        row("CPU, all processes", [r.cpu_seconds for r in done]),
        row("peak memory, all processes", [r.peak_mb for r in done], "MB"),
    ]


def _growth(found: list[tuple[int, Run]]) -> list[Row]:
    """Time per record must fall or stay; peak memory under 4 GB from a million on, and flat within 25 %.

    The first size has nothing to be compared with.
    """
    rows = []
    previous: float | None = None
    first_peak: float | None = None
    for records, run in found:
        per_record = run.seconds / records * 1e6
        met = None if previous is None else per_record <= previous
        target = "" if previous is None else "falls or stays"
        rows.append(Row("growth", f"time per record at {records:,}", per_record, "µs", target, met))
        previous = per_record
        if records >= 900_000:
            target = "< 4,000" if first_peak is None else "flat within 25 %, < 4,000"
            first_peak = first_peak or run.peak_mb
            met = run.peak_mb <= first_peak * 1.25 and run.peak_mb < 4_000
            rows.append(Row("growth", f"peak memory at {records:,}", run.peak_mb, "MB", target, met))
    return rows


def _increment(history: int, increment: int, full: Run, idles: list[Run], run: Run) -> list[Row]:
    """What an increment costs, beside a run with nothing new and beside the full run.

    Data-dependent work is a run's seconds less those of a run with nothing new. What looks over the whole history,
    however little came, is shown by itself: two steps, which make marts and served files anew from all there is,
    and of the step `load` all but its audit of the new batches (refused rows, purposes, terms, withdrawals, privacy
    checks). The share that is held against the target leaves them out, above and below the line; the share with them
    stands beside it.
    """
    group = f"increment of {increment:,} records on {history:,}"
    idle = sorted(idles, key=lambda r: r.seconds)[len(idles) // 2]
    apart, apart_full = (_whole_history(r, idle) for r in (run, full))
    work, work_full = run.seconds - idle.seconds, full.seconds - idle.seconds
    rest, rest_full = work - sum(apart.values()), work_full - sum(apart_full.values())
    share = rest / rest_full * 100
    return [
        Row(group, "run with the increment", run.seconds, "s"),
        *(Row(group, f"  {step}", run.steps.get(step, 0.0), "s") for step in STEPS),
        Row(
            group,
            "run with nothing new",
            idle.seconds,
            "s",
            "≤ 15",
            idle.seconds <= 15,
            spread([r.seconds for r in idles]),
        ),
        *(Row(group, f"  nothing new, {step}", idle.steps.get(step, 0.0), "s") for step in STEPS),
        Row(group, "  nothing new, start-up", idle.start_up, "s"),
        Row(group, "data-dependent work: the run less a run with nothing new", work, "s"),
        *(Row(group, f"  of it {s}, over the whole history whatever came", n, "s") for s, n in apart.items()),
        Row(group, "  of it all else", rest, "s"),
        Row(group, "the same of the full run", work_full, "s"),
        Row(group, "  of it all else", rest_full, "s"),
        Row(group, "data-dependent work but for the whole history's, of the full run's", share, "%", "≤ 5", share <= 5),
        Row(group, "data-dependent work with the whole history's, of the full run's", work / work_full * 100, "%"),
    ]


def _whole_history(run: Run, idle: Run) -> dict[str, float]:
    """Seconds of what looks over all there is, less those of a run with nothing new."""
    found = {step: run.steps.get(step, 0.0) - idle.steps.get(step, 0.0) for step in ("model", "serve")}
    told = "load.whole_lake"
    return {"load, but for new batches": run.parts[told] - idle.parts[told], **found}


if __name__ == "__main__":
    chosen = tuple(int(a) for a in sys.argv[1:]) or (100_000, 1_000_000)
    for part in measured(chosen, increment_at=max(chosen)):
        show(part)
