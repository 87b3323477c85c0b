"""A run from the terminal: the Dagster job in this process, with progress, and what it came to.

Keep out: steps (orchestration.pipeline) and wiring (defs/).
"""

import io
import logging
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from orchestration import alerts, modelling, pipeline
from orchestration.engine import open_read_only
from orchestration.errors import ContractError, UsedWronglyError, VoicehouseError, kept
from orchestration.home import Home, write_durably
from orchestration.lake import quarantine
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.messages import language, text, translated

Say = Callable[[str], Any]
DAGSTER_YAML = "telemetry:\n  enabled: false\n"
# Dagster would mirror what steps print by two processes a step, which an interrupt ends with their tracebacks.
ON_A_TERMINAL = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}
SILENCE_SECONDS = 10.0  # a step that takes longer says how far it is
HEADLINES = (
    ("nps", "summary.nps"),
    ("csat", "summary.csat"),
    ("first_reply_minutes", "summary.first_reply"),
    ("sla_attainment", "summary.sla"),
    ("retention_rate", "summary.retention"),
)
CHECKED = {"passed": "summary.passed", "failed": "summary.failed", "not_proved": "summary.not_proved"}
HIDDEN = {
    "small_cell": "summary.small_cell",
    "homogeneous": "summary.homogeneous",
    "complement": "summary.complement",
    "too_fine": "summary.too_fine",
    "small_team": "summary.small_team",
    "held": "summary.held",
}


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and why; the reason names files by their keyed ids."""

    success: bool
    nothing_new: bool
    reason: str


def keys_made(home: Home, say: Say) -> None:
    """See to it that the home has a policy and keys, and say where the master key is when it was made just now."""
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.policy import Policy

    Policy.of(home)
    made = Keyring(home).created_master
    if made:
        say(text("run.made_master", path=made))


@contextmanager
def beginning(home: Home) -> Iterator[None]:
    """A run that ends before its first step leaves its line in the history and is told; a typing mistake is neither."""
    try:
        yield
    except UsedWronglyError:
        raise
    except Exception as error:
        run_id = str(uuid.uuid4())
        pipeline.Outcomes(home, run_id).conclude(home, run_id, "failed", "begin", kept(error))
        alerts.send(home)
        raise


def dagster_home(home: Home) -> Path:
    """Dagster's folder in the home, with telemetry off."""
    folder = home.folder("dagster")
    if not (folder / "dagster.yaml").exists():
        write_durably(folder / "dagster.yaml", DAGSTER_YAML.encode())
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def execute(home: Home, only: Sequence[str], since: str | None, until: str | None, report: Say) -> Outcome:
    """Run the job `voicehouse` here. `only`: sources to ask, with all that follows; empty for all.

    Failures of sources that are not asked do not fail the run.

    Raises UsedWronglyError for a source that is not there, ContractError for one whose settings cannot be read,
    KeyboardInterrupt when somebody ended the run.
    """
    with beginning(home):
        job = _prepared(home, only, since, until, report)
    known = pipeline.sources(home)
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef

    from orchestration.unhurried import unhurried_history

    config = {"since": since, "until": until}
    ops = {f"extract__{n}": {"config": config} for n in known if not only or n in only} if since or until else {}
    selection = None
    if only:
        skipped = {n for n in known if n not in only}
        selection = [
            key
            for key in job.asset_layer.executable_asset_keys
            if not (key.path[0] in ("extract",) and key.path[1] in skipped)
        ]
    run_id = str(uuid.uuid4())
    # dbt tells every model on standard output; the steps are enough for a terminal, the rest is in the home's logs.
    here = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home(home)), overrides=ON_A_TERMINAL))
    with unhurried_history(), here as instance, redirect_stdout(io.StringIO()), _told_to_end() as is_told_to_end:
        progress = Progress(report, is_told_to_end, lambda: _interrupted(home, run_id))
        instance.add_event_listener(run_id, progress.on_event)
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            run_config={
                "ops": ops,
                "resources": {"house": {"config": {"only": list(only)}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            asset_selection=selection,
            raise_on_error=False,
        )
        if is_told_to_end() and not result.success:
            _interrupted(home, run_id)
            raise KeyboardInterrupt
    return Outcome(result.success, result.success and not progress.modelled, progress.reason)


def _prepared(home: Home, only: Sequence[str], since: str | None, until: str | None, report: Say) -> Any:
    """The job, once what it was asked for is there, and the models are parsed."""
    known = pipeline.sources(home)
    missing = set(only) - set(known)
    broken = pipeline.broken_sources(home)
    for name in sorted(missing & set(broken)):
        raise ContractError(broken[name])
    if missing:
        raise UsedWronglyError(
            f"no active source is called {', '.join(sorted(missing))}: see `voicehouse sources list`"
        )
    for name, given in (("since", since), ("until", until)):
        pipeline.instant(given, name)
    dagster_home(home)
    report(text("run.preparing"))
    from orchestration.privacy.keys import Keyring

    with ThreadPoolExecutor(1) as beside:
        beside.submit(import_module, "dagster_dbt")  # seconds of CPU; dbt's parsing before a first run takes as many
        modelling.manifest(home, Keyring(home))
    report(text("run.loading"))
    from orchestration.definitions import defs

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    # With nothing new the checks of later steps have no result, by design; Dagster warns of it on the terminal.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    return (defs() if callable(defs) else defs).resolve_job_def("voicehouse")


def _interrupted(home: Home, run_id: str) -> None:
    outcomes = pipeline.Outcomes(home, run_id)
    if outcomes.exists:
        outcomes.conclude(home, run_id, "interrupted")


@contextmanager
def _told_to_end() -> Iterator[Callable[[], bool]]:
    """Whether a signal told this process to end meanwhile: whoever is interrupted tells it by an error of his own."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    told, tell = os.pipe()
    os.set_blocking(told, False)
    os.set_blocking(tell, False)
    before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    seen = bytearray()

    def is_told() -> bool:
        with suppress(BlockingIOError):
            seen.extend(os.read(told, 1024))
        return bool({signal.SIGINT, signal.SIGTERM} & set(seen))

    try:
        yield is_told
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)
        os.close(tell)


class Progress:
    """Says which step runs and how long it took, from Dagster's events; ends a run that was told to end."""

    def __init__(self, report: Say, is_told_to_end: Callable[[], bool], interrupted: Callable[[], None]):
        self._report = report
        self._is_told_to_end = is_told_to_end
        self._interrupted = interrupted
        self._started = time.monotonic()
        self.modelled = False
        self.reason = ""
        self._built = 0
        self._told_at = 0.0

    def on_event(self, entry: Any) -> None:
        event = entry.dagster_event
        if event is None:
            return
        kind = event.event_type_value
        if kind in ("STEP_START", "STEP_FAILURE") and self._is_told_to_end():
            self._interrupted()  # before the resource ends the run: what a signal broke off did not fail
            raise KeyboardInterrupt  # an engine that was interrupted tells it as an error of its own: no step goes on
        if kind == "STEP_START":
            self._say(event.step_key.replace("__", " "))
        elif kind == "ASSET_MATERIALIZATION" and event.step_key == "model":
            self._built += 1
            if event.asset_key and event.asset_key.path[0] == "kpis":
                self.modelled = True
            if time.monotonic() - self._told_at > SILENCE_SECONDS:
                self._say(text("run.built", n=self._built))
        elif kind in ("STEP_FAILURE", "RESOURCE_INIT_FAILURE"):
            from orchestration.defs.resources import why

            self.reason = why(event)

    def _say(self, words: str) -> None:
        self._told_at = time.monotonic()
        self._report(f"[{self._told_at - self._started:5.1f} s] {words}")


def summary(home: Home, say: Say) -> None:
    """Print the ledger, the headline KPIs, the privacy checks, and where to look next."""
    from orchestration.serving.report import Reader

    path = home.serving / "kpi.duckdb"
    if not path.exists():
        raise VoicehouseError("nothing is served yet: run `voicehouse run` first")
    with open_read_only(path) as con:
        reader = Reader(con)
        say("\n" + text("summary.ledger"))
        rows = _exact_ledger(home)
        say(text("summary.columns"))
        for source, read, emitted, promoted, *others, widened in rows:
            once = promoted - widened  # a row let in for more purposes came in twice
            say(f"  {source:18} " + " ".join(f"{n:>9,}" for n in (read, emitted, once, *others)))
        lost = con.execute(
            "SELECT source, CAST(sum(n) AS BIGINT) FROM load_ledger WHERE level = 'records' AND measure = 'rejected' "
            "GROUP BY source HAVING sum(n) > 0 ORDER BY source"
        ).fetchall()
        listed = ", ".join(f"{s} {n:,}" for s, n in lost)
        say("  " + (text("summary.lost", listed=listed) if listed else text("summary.none_lost")))
        gained = ", ".join(f"{row[0]} {row[-1]:,}" for row in rows if row[-1])
        if gained:
            say("  " + text("summary.widened", listed=gained))
        held = Counter[str]()
        for note in quarantine.batches(home):
            held[note["source"]] += note["part"]["rows"]
        withheld = con.execute(
            "SELECT source || ' ' || name, coalesce(reason, '?'), CAST(sum(n) AS BIGINT) FROM load_ledger "
            "WHERE level = 'rows' AND measure = 'withheld' GROUP BY ALL HAVING sum(n) > 0 ORDER BY ALL"
        ).fetchall()
        if withheld:
            listed = ", ".join(f"{name} {n:,} ({reason})" for name, reason, n in withheld)
            say("  " + text("summary.withheld", listed=listed))
        if held:
            say("  " + text("summary.quarantined", listed=", ".join(f"{s} {n:,}" for s, n in sorted(held.items()))))
        say("\n" + text("summary.headlines"))
        for metric, label in HEADLINES:
            row = reader.headline(metric)
            say(f"  {_headline(text(label), row)}")
        say("\n" + text("summary.privacy"))
        for status, ids in con.execute(
            "SELECT status, string_agg(check_id, ' ' ORDER BY check_id) FROM privacy_checks GROUP BY 1 ORDER BY 1"
        ).fetchall():
            say(f"  {text(CHECKED[status]):11} {ids}")
        for check_id, name_zh, name_en, evidence in con.execute(
            "SELECT check_id, name_zh, name_en, evidence FROM privacy_checks WHERE status = 'failed' ORDER BY check_id"
        ).fetchall():
            name = name_zh if language() == "zh" else name_en
            say(f"  {check_id}: {name}: {translated(evidence or '')}")
    say("\n" + text("summary.next", report=home.serving / "report" / "index.html", marts=path))


def _exact_ledger(home: Home) -> list[tuple[Any, ...]]:
    """Counts by source from the lake, for whoever runs the house: what is served leaves out sizes of hidden cells.

    No file of rows is opened: the counts stand in the commits, and are told where rows are lost, too.
    """
    from orchestration.privacy.keys import Keyring

    total = Counter[tuple[str, str, str]]()
    for line in Lake(home, Keyring(home).base64(LAKE_KEY)).ledger_rows():
        total[line["source"], line["level"], line["measure"]] += line["n"]
    measures = ("emitted", "promoted", "rejected", "duplicate", "quarantined", "widened")
    return [
        (source, total[source, "records", "read"], *(total[source, "rows", measure] for measure in measures))
        for source in sorted({source for source, _, _ in total})
    ]


def summary_facts(home: Home) -> dict[str, Any]:
    """The same for machines: the ledger by source, headline KPIs (null where there is none), privacy checks."""
    from orchestration.serving.report import Reader

    path = home.serving / "kpi.duckdb"
    if not path.exists():
        raise VoicehouseError("nothing is served yet: run `voicehouse run` first")
    with open_read_only(path) as con:
        reader = Reader(con)
        ledger = con.execute(
            "SELECT source, level, measure, CASE WHEN count(n) = count(*) THEN CAST(sum(n) AS BIGINT) END "
            "FROM load_ledger GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        found = {metric: reader.headline(metric) for metric, _ in HEADLINES}
        checks = con.execute("SELECT check_id, status FROM privacy_checks ORDER BY check_id").fetchall()
    return {
        "ledger": [dict(zip(("source", "level", "measure", "n"), row, strict=True)) for row in ledger],
        "headlines": _headline_facts(found),
        "privacy_checks": dict(checks),
    }


def look_back(home: Home, known_at: datetime, say: Say) -> dict[str, Any]:
    """Make the exact marts as they were known at an instant, print the headline KPIs of then, and return them.

    What is served stays as it is. Raises VoicehouseError when nothing was known yet.
    """
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.report import Reader

    keyring = Keyring(home)
    instant = known_at.astimezone(UTC).replace(tzinfo=None)
    with home.writing("a look back"):
        path = modelling.as_known_at(home, keyring, instant)
    lake = Lake(home, keyring.base64(LAKE_KEY), instant)
    say(text("known_at.headlines", instant=f"{instant:%Y-%m-%d %H:%M:%S} UTC", loads=len(lake.commits)))
    with pipeline.open_exact(home, keyring, path) as con:
        reader = Reader(con)
        found = {metric: reader.headline(metric) for metric, _ in HEADLINES}
    for metric, label in HEADLINES:
        say(f"  {_headline(text(label), found[metric])}")
    gone = Counter[tuple[str, str]]()
    for line in lake.withheld_since():
        gone[(line["reason"], line["name"])] += line["n"]
    listed = ", ".join(f"{reason} {kind} {n:,}" for (reason, kind), n in sorted(gone.items()))
    say(text("known_at.removed", listed=listed) if listed else text("known_at.exact"))
    say(text("known_at.where", path=path))
    return {
        "known_at": instant.isoformat(),
        "loads": len(lake.commits),
        "headlines": _headline_facts(found),
        "removed_since": [{"reason": r, "kind": k, "n": n} for (r, k), n in sorted(gone.items())],
        "marts": str(path),
    }


def _headline_facts(found: Mapping[str, dict[str, Any] | None]) -> dict[str, dict[str, Any] | None]:
    """Headlines for machines, null where there is none."""
    kept = ("period_grain", "period_start", "value", "ci_low", "ci_high", "n", "state", "suppressed_reason")
    return {m: {k: row[k] for k in kept} if row else None for m, row in found.items()}


def _headline(label: str, row: dict[str, Any] | None) -> str:
    """One headline as the report chooses it; another variant than the headline's goes by its own name."""
    from orchestration.serving.report import figure, period

    if row is None:
        return f"{label:36} {text('summary.unmeasurable')}"
    about = row["metric"]
    name = about["name_zh"] if language() == "zh" else label if about["is_headline"] else about["name_en"]
    if row["state"] == "hidden":
        return f"{name:36} {text('summary.suppressed', reason=text(HIDDEN[row['suppressed_reason']]))}"
    if row["state"] == "unmeasurable":
        return f"{name:36} {text('summary.unmeasurable')}"
    if row["state"] == "too_few":
        return f"{name:36} " + text("summary.too_few", n=f"{row['n']:,}")
    low, high = (figure(row[bound], about["unit"]) for bound in ("ci_low", "ci_high"))
    interval = (
        text("summary.interval", low=low, high=high) if row["ci_low"] is not None else text("summary.no_interval")
    )
    when = period(row["period_start"], row["period_grain"]) or text("summary.all_time")
    return f"{name:36} {when:9} {figure(row['value'], about['unit']):>8}   {interval}, n = {row['n']:,}"
