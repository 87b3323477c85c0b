"""Whole runs of the product as its command line runs them: seconds by step, and the peak memory of all its processes.

Keep out: what the figures are held against (the measures) and writing input (company.py).
"""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
GROUPS = {"extract": "extract", "guard": "guard", "load": "load", "model": "model", "quality": "quality"}
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Run:
    """One run: wall and CPU seconds in all, wall seconds by group of steps, peak memory in MB (all processes).

    `parts`: wall seconds of parts of steps that the run's log tells, by the name of the event. `at_work`: wall seconds
    from the first step's start to the last one's end, with what Dagster needs between them.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    steps: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    at_work: float = 0.0

    @property
    def start_up(self) -> float:
        """Seconds before the first step and after the last: interpreter, imports, the job's definition, the summary."""
        return self.seconds - self.at_work

    @property
    def between_steps(self) -> float:
        """Seconds that no step takes between the first and the last."""
        return self.at_work - sum(self.steps.values())

    @property
    def after_extraction(self) -> float:
        """Seconds from sealed pages to served marts, those between the steps among them."""
        return self.at_work - self.steps.get("extract", 0.0)


def make_home(home: Path, inbox: Path) -> None:
    """A home for the sample company's sources, without running anything."""
    sources = ROOT / "orchestration" / "sample" / "sources"
    _command(home, "init", "--sources", str(sources), "--inbox", str(inbox), "--reporting-tz", "Asia/Shanghai")


def run(home: Path) -> Run:
    """`voicehouse run` on this home; raises CalledProcessError when it fails."""
    history = home / "dagster"
    command = [sys.executable, "-m", "orchestration.cli", "--home", str(home), "run"]
    log = home.parent / "run.log"
    before = os.times()
    started = time.monotonic()
    with log.open("w") as out:
        env = {**os.environ, "VOICEHOUSE_LOG": "json"}
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=env)
        peak = _Peak(process.pid)
        peak.start()
        code = process.wait()
    seconds = time.monotonic() - started
    peak.stop()
    after = os.times()
    if code:
        print(*log.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)
        raise subprocess.CalledProcessError(code, command)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    steps, at_work = _steps(history)
    return Run(seconds, cpu, peak.megabytes, steps, _seconds_told(log), at_work)


def _command(home: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "--home", str(home), *arguments],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _seconds_told(log: Path) -> dict[str, float]:
    """Events of a run's log that tell seconds."""
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return {e["event"]: e["seconds"] for e in events if "seconds" in e}


def _steps(dagster_home: Path) -> tuple[dict[str, float], float]:
    """Seconds by group of steps of the newest run, and from its first step to its last, by Dagster's own statistics."""
    os.environ["DAGSTER_HOME"] = str(dagster_home)
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        newest = instance.get_run_records(limit=1)[0].dagster_run.run_id
        found: dict[str, float] = {}
        times = []
        for step in instance.get_run_step_stats(newest):
            if step.start_time and step.end_time:
                group = GROUPS.get(step.step_key.partition("__")[0], "serve")
                found[group] = found.get(group, 0.0) + step.end_time - step.start_time
                times += [step.start_time, step.end_time]
    return found, max(times) - min(times)


class _Peak(threading.Thread):
    """Looks at the resident memory of a process and all its children five times a second (Linux: /proc)."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self._pid = pid
        self._done = threading.Event()
        self.megabytes = 0.0

    def run(self) -> None:
        while not self._done.wait(0.2):
            self.megabytes = max(self.megabytes, _tree_pages(self._pid) * PAGE / 1e6)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _tree_pages(pid: int) -> int:
    """Resident pages of a process and its descendants; a process that ended meanwhile counts nothing."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return resident + sum(_tree_pages(int(child)) for child in children)
