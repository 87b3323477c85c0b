"""One run, step by step, free of wiring: what the command line and the Dagster assets both call.

Keep out: how a step does its work (its own package) and Dagster.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration import formats, modelling
from orchestration.engine import connect, identifier, literal, open_read_only, sweep_spills, told_when_full
from orchestration.errors import ContractError, SourceError, UsedWronglyError, VoicehouseError, kept
from orchestration.home import Home, append_durably, now, read_lines, sync_folder, write_durably
from orchestration.lake import audit, metrics, promote, quarantine, stage
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake, live_paths, read_commits, require_whole
from orchestration.landing import extractions, inbox, pages
from orchestration.landing.extract import Extraction
from orchestration.landing.extract import extract as extract_pages
from orchestration.logs import event, ids
from orchestration.privacy import (
    answers,
    coarsen,
    evidence,
    flows,
    incidents,
    refusals,
    restriction,
    retention,
    rotation,
    widening,
    withdrawal,
)
from orchestration.privacy.audit import Check, check_home, check_served, failing, found_last, stores_differ
from orchestration.privacy.guard import Guarded, guard
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.protect import prepare_consents
from orchestration.privacy.vault import is_vault_there, open_vault, publish_due
from orchestration.serving import postgres, verdict
from orchestration.serving import publish as serving
from orchestration.serving.privacy_report import PrivacyReport, newest, read, sign_off, write_privacy_report
from orchestration.serving.publish import PublishResult
from orchestration.sources.contract import Settings, Window
from orchestration.sources.registry import discover


@dataclass(frozen=True)
class BatchVerdict:
    """What the audit said of one staged batch: names of checks and counts, never values."""

    load_id: str
    source: str
    kind: str
    part: int
    rows: int
    passed: bool
    checks: list[dict[str, Any]]


class Outcomes:
    """What went wrong in one run without ending it: sources that failed, figures refused, figures withdrawn.

    Kept in the home so that every step sees them, whatever process it runs in.
    """

    def __init__(self, home: Home, run_id: str):
        self._path = home.folder("ops", "outcomes") / f"{run_id}.json"

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = (
            json.loads(self._path.read_text())
            if self._path.exists()
            else {"started_at": now().isoformat(), "failed": {}, "refused": [], "withdrawn": [], "unreached": []}
        )
        return found

    def begin(self, only: Sequence[str] = ()) -> None:
        """Note when the run began, and the sources it was asked for by name: failures of others do not fail it."""
        if not self._path.exists():
            write_durably(self._path, json.dumps(self._read() | {"only": list(only)}).encode())

    def fail(self, source: str, step: str, reason: str) -> None:
        """Note a source's failure; the reason carries no values."""
        content = self._read()
        content["failed"][source] = {"step": step, "reason": reason}
        write_durably(self._path, json.dumps(content, indent=1).encode())

    def note(self, what: str, codes: list[str]) -> None:
        """Note the codes of checks for which a candidate was `refused` or what was served was `withdrawn`.

        `unreached`: in a sentence, why PostgreSQL does not show what is served.
        """
        content = self._read()
        content[what] = codes
        write_durably(self._path, json.dumps(content, indent=1).encode())

    def codes(self, what: str) -> list[str]:
        """What was noted; empty when nothing was."""
        found: list[str] = self._read()[what]
        return found

    @property
    def exists(self) -> bool:
        """Whether the run began and has not been concluded."""
        return self._path.exists()

    @property
    def failures(self) -> dict[str, dict[str, str]]:
        """Every source's failure, whether the run was asked for it or not."""
        found: dict[str, dict[str, str]] = self._read()["failed"]
        return found

    @property
    def counting(self) -> dict[str, dict[str, str]]:
        """Failures of sources that the run was asked for."""
        only = self._read().get("only")
        return {source: failure for source, failure in self.failures.items() if not only or source in only}

    def conclude(
        self,
        home: Home,
        run_id: str,
        status: str,
        failed_step: str | None = None,
        reason: str | None = None,
        job: str | None = None,
    ) -> None:
        """Write the run into the history, ops/runs.jsonl.

        `reason`: beside what sources failed, in words that carry no values. `job`: one that somebody started and that
        brings no news (Dagster's operations).
        """
        content = self._read()
        entry = {
            "format": formats.FORMATS[formats.OPS],
            "run_id": run_id,
            "started_at": content["started_at"],
            "ended_at": now().isoformat(),
            "status": status,
            "failed_sources": sorted(self.counting),
            "reasons": {s: f["reason"] for s, f in content["failed"].items()},
            "refused": content["refused"],
            "withdrawn": content["withdrawn"],
            "failed_step": failed_step or job,
            "reason": reason,
            "job": job,
        }
        append_durably(home.folder("ops") / "runs.jsonl", entry)
        event(
            "run.ended",
            run=run_id,
            status=status,
            failed_sources=entry["failed_sources"],
            failed_step=failed_step or job,
        )
        self._path.unlink(missing_ok=True)


def instant(given: str | None, name: str) -> datetime | None:
    """A moment that a person wrote, ISO 8601; without an offset it is UTC.

    Raises UsedWronglyError naming the option.
    """
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsedWronglyError(f"{name} is no ISO 8601 time such as 2026-01-31 or 2026-01-31T08:00:00Z") from None


def extract(
    home: Home, keyring: Keyring, settings: Settings, window: Window, run_id: str, is_last_try: bool = True
) -> Extraction:
    """Ask one source for what is new. A failure is recorded as the source's outcome, unless it is asked again.

    A source whose flow lacks a place, a mechanism over a border or an agreement with its vendor is not asked at all.
    """
    if lacking := flows.missing(settings, Policy.of(home)):
        Outcomes(home, run_id).fail(settings.name, "extract", "; ".join(lacking))
        return Extraction(settings.name, None, 0, 0, "; ".join(lacking))
    started_at = now()
    _ = home.inbox_policy  # one that cannot be followed is told before anything is read
    done = extract_pages(home, keyring, settings, window, started_at)
    if settings.is_api and not done.failure and not window.is_backfill:
        _note_complete(home, settings.name, started_at)
    if done.failure and (is_last_try or not done.is_transient):
        Outcomes(home, run_id).fail(settings.name, "files" if done.load_id else "extract", done.failure)
    event("extract.asked", load=done.load_id, pages=done.pages, failed=bool(done.failure), transient=done.is_transient)
    return done


def _note_complete(home: Home, source: str, started_at: datetime) -> None:
    """Remember that a source was asked and gave all it had, once what it gave is in the lake."""
    waiting = tuple(m.load_id for m in pages.loads(home, source) if not promote.is_committed(home, m.load_id))
    newest = max((datetime.fromisoformat(c["loaded_at"]) for c in read_commits(home, "_commits")), default=None)
    done = extractions.Complete(started_at.replace(tzinfo=None), now().replace(tzinfo=None), waiting)
    extractions.note(home, source, done, newest)


def guard_source(home: Home, keyring: Keyring, settings: Settings, run_id: str) -> list[Guarded]:
    """Guard every load of a source that waits in landing.

    A contract broken by the source is its outcome, and so are pages that do not open: the other sources go on.
    Raises VoicehouseError when the lake lacks a file that a commit lists.
    """
    done: list[Guarded] = []
    if lacking := flows.missing(settings, Policy.of(home)):
        Outcomes(home, run_id).fail(settings.name, "guard", "; ".join(lacking))
        return done
    staged = {m.load_id for m in stage.staged(home)}
    try:
        landed = pages.loads(home, settings.name)
    except SourceError as error:
        Outcomes(home, run_id).fail(settings.name, "guard", str(error))
        return done
    fresh = [load for load in landed if load.load_id not in staged and not promote.is_committed(home, load.load_id)]
    if fresh:
        require_whole(home)
        audit.prepare()
    for load in fresh:
        try:
            with ids(load=load.load_id):
                done.append(guard(home, keyring, settings, load))
                event("guard.passed", read=done[-1].read, staged=done[-1].staged)
        except ContractError as error:
            Outcomes(home, run_id).fail(settings.name, "guard", str(error))
        except SourceError as error:  # its pages do not open
            Outcomes(home, run_id).fail(settings.name, "files", str(error))
    return done


def revisit(home: Home, keyring: Keyring, run_id: str) -> int:
    """Judge anew what was refused, or let in for fewer purposes, before all was known that is by now; rows staged.

    After every source was read: whoever comes last may tell who the persons of the others are, or what they agreed to.
    What it stages `load_staged` commits. Refused rows wait as long as their sealed pages; rows in the lake need none.
    """
    active = {n: s for n, s in sources(home).items() if not flows.missing(s, Policy.of(home))}
    staged = 0
    for again in _known_better(home, keyring, active, run_id):
        load = again.load
        try:
            with ids(source=load.source, load=load.load_id):
                done = guard(home, keyring, active[load.source], load, again)
                event("guard.passed", read=done.read, staged=done.staged)
            staged += done.staged
        except ContractError as error:
            Outcomes(home, run_id).fail(load.source, "guard", str(error))
        except SourceError as error:  # neither the rows that wait nor their pages open
            Outcomes(home, run_id).fail(load.source, "files", str(error))
    publish_due(home, keyring)
    return staged + widening.run(home, keyring, active)


def _known_better(home: Home, keyring: Keyring, active: Mapping[str, Settings], run_id: str) -> list[refusals.Again]:
    """Refused rows of committed loads in landing of whose persons more is known by now.

    A list of them that does not open is its source's failure.
    Raises VoicehouseError when the vault is gone, or older than what was written with it.
    """
    if not is_vault_there(home):
        return []
    loads: list[pages.Load] = []
    for name in active:
        try:
            loads += [load for load in pages.loads(home, name) if promote.is_committed(home, load.load_id)]
        except SourceError:
            continue  # torn pages are the source's failure, told when it was guarded
    con = connect(home.temp)
    try:
        with open_vault(con, home, keyring, read_only=True):
            prepare_consents(con)
            policy = Policy.of(home)
            versions = {n: policy.version_for(s) for n, s in active.items()}
            better, broken = refusals.changed(con, home, keyring, loads, versions)
    finally:
        con.close()
    for load, error in broken.items():
        Outcomes(home, run_id).fail(load.source, "files", str(error))
    return better


def load_staged(home: Home, keyring: Keyring) -> list[BatchVerdict]:
    """Audit every staged batch; promote what passes, quarantine what fails, commit load by load.

    Raises VoicehouseError when the lake lacks a file that a commit lists: nothing is built on what is not whole.
    """
    require_whole(home)
    verdicts: list[BatchVerdict] = []
    lake = Lake(home, keyring.base64(LAKE_KEY))
    publish_due(home, keyring)
    promote.sweep_orphans(home)
    sweep_spills(home.temp)
    for manifest in stage.staged(home):
        with ids(source=manifest.source, load=manifest.load_id):
            verdicts += _load(home, lake, manifest)
    return verdicts


def _load(home: Home, lake: Lake, manifest: stage.Manifest) -> list[BatchVerdict]:
    """Audit, promote and commit one load."""
    con = connect(home.temp)
    try:
        lake.open_key(con)
        found = []
        for part in manifest.parts:
            table = con.execute(lake.batch_sql(part.kind, home.lake / part.path)).to_arrow_table()
            if table.num_rows != part.rows:
                raise VoicehouseError(f"a staged batch of {part.kind} holds {table.num_rows} rows, not {part.rows}")
            result = audit.audit_batch(table, part.kind, is_public=bool(manifest.about["is_public_set"]))
            checks = [asdict(c) for c in result.checks]
            found.append(
                BatchVerdict(
                    manifest.load_id, manifest.source, part.kind, part.number, part.rows, result.passed, checks
                )
            )
    finally:
        con.close()
    failures = {
        (v.kind, v.part): [c for c in v.checks if not c["passed"] and c["is_blocking"]] for v in found if not v.passed
    }
    counts = promote.promote(home, manifest, failures)
    event("load.committed", **counts)
    return found


def tidy_inbox(home: Home, keyring: Keyring, run_id: str) -> None:
    """Let go, as the home's inbox policy says, of files whose rows are in the lake.

    A load with rows in quarantine, or lines that are no JSON (which file they are of is not told), keeps all its files.
    While a source's settings cannot be read every file stays: which of them it has yet to read is not known.
    What a run that broke off left undone is done by the next. What cannot be done is its source's failure.
    """
    if home.inbox_policy == "keep":
        return
    if broken := broken_sources(home):
        event("inbox.waits", sources=sorted(broken))
        return
    held = Counter[str]()
    for commit in read_commits(home, "_commits"):
        missing = (x["n"] for x in commit["ledger"] if x["measure"] == "quarantined" or x["reason"] == "malformed_json")
        held[commit["load_id"]] += sum(missing)
    good = {load_id for load_id, n in held.items() if not n}
    oldest = now().replace(tzinfo=None) - timedelta(days=Policy.of(home).landing_days)
    outcomes = Outcomes(home, run_id)
    for source, problem in inbox.tidy(home, keyring, discover(home).values(), good, oldest).items():
        if source not in outcomes.failures:
            outcomes.fail(source, "files", problem)


def expire(home: Home, keyring: Keyring, run_id: str) -> dict[str, int]:
    """Drop what is past its term or rests on a withdrawn consent, in every store.

    A page that expires unread is its source's failure. Terms wait while a source's settings cannot be read.
    """
    policy = Policy.of(home)
    counts = {"pages": 0, "batches": len(quarantine.expire(home, policy.quarantine_days))}
    counts["copies"] = answers.expire(home, policy.landing_days)
    asked, broken = sources(home), broken_sources(home)
    for name in pages.sources(home):
        try:
            gone = pages.expire(home, keyring, name, now(), policy.landing_days)
        except SourceError as error:
            Outcomes(home, run_id).fail(name, "expire", str(error))
            continue
        counts["pages"] += len(gone)
        unread = [load_id for load_id in gone if not promote.is_committed(home, load_id)]
        if unread and name not in asked and name not in broken:
            event("landing.expired_unread", source=name, loads=len(unread))
        elif unread:
            failure = f"{name}: loads expired in landing before the gate could read them ({len(unread)})"
            Outcomes(home, run_id).fail(name, "expire", f"{broken[name]}; {failure}" if name in broken else failure)
    if broken:  # which terms their rows have, and on what grounds they are kept, is not known: nothing goes early
        heed(home, keyring)
        event("retention.waits", sources=sorted(broken))
        return counts | {"withdrawn": 0} | asdict(retention.Expired())
    withdrawn, expired = let_go(home, keyring)
    return counts | {"withdrawn": withdrawn.rows} | asdict(expired)


def let_go(home: Home, keyring: Keyring, dry_run: bool = False) -> tuple[withdrawal.Withdrawn, retention.Expired]:
    """Take out of the lake and the vault what rests on a withdrawn consent or is past its term; `dry_run` only counts.

    Raises ContractError where a source's settings cannot be read: its rows would go by terms that are not theirs.
    """
    every = discover(home, active_only=False)
    if not dry_run:
        heed(home, keyring)
    return withdrawal.run(home, keyring, every, dry_run), retention.run(home, keyring, every, dry_run)


def heed(home: Home, keyring: Keyring) -> None:
    """What waits for no source's terms: what persons had struck out is, in rows that are theirs by now, too.

    Places of before are cut as the gate cuts them now, and looks back go that hold rows which are gone.
    """
    restriction.renew(home, keyring)
    coarsen.run(home, keyring)
    retention.drop_looks_back(home, keyring)


def ledger_faults(home: Home, keyring: Keyring) -> list[str]:
    """What the ledger cannot account for, load by load; an empty list is a sound run."""
    from orchestration.lake.ledger import faults

    return faults(Lake(home, keyring.base64(LAKE_KEY)).ledger_rows())


def open_warehouse(home: Home, keyring: Keyring) -> duckdb.DuckDBPyConnection:
    """The exact marts, read-only, as catalog `wh`.

    Raises VoicehouseError before the first run.
    """
    if not home.warehouse.exists():
        raise VoicehouseError("there is no warehouse yet: run `voicehouse run` first")
    con = connect(home.temp)
    con.execute(
        f"ATTACH {literal(str(home.warehouse))} AS wh (READ_ONLY, ENCRYPTION_KEY '{keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
    )
    return con


def open_exact(home: Home, keyring: Keyring, marts: Path) -> duckdb.DuckDBPyConnection:
    """The exact marts of a look back (modelling.as_known_at), read-only, as the connection's own tables."""
    con = connect(home.temp)
    con.execute(
        f"ATTACH {literal(str(marts))} AS marts (READ_ONLY, ENCRYPTION_KEY '{keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
    )
    con.execute("USE marts")
    return con


def sources(home: Home) -> dict[str, Settings]:
    """The home's active sources that its policy does not block, but those whose settings cannot be read."""
    blocked = Policy.of(home).blocked_sources
    return {n: s for n, s in discover(home, broken={}).items() if n not in blocked}


def whole_sources(home: Home) -> dict[str, Settings]:
    """The same for what must pass over none. Raises ContractError where a source's settings cannot be read."""
    for reason in broken_sources(home).values():
        raise ContractError(reason)
    return sources(home)


def broken_sources(home: Home) -> dict[str, str]:
    """Sources whose settings cannot be read, each with its reason: a failure of that source alone."""
    broken: dict[str, str] = {}
    discover(home, broken=broken)
    return broken


def run_history(home: Home) -> list[dict[str, Any]]:
    """Every run, oldest first."""
    found = read_lines(home.folder("ops") / "runs.jsonl")
    for run in found:
        formats.check(formats.OPS, run.get("format"))
    return found


def check_formats(home: Home) -> None:
    """Every store of a home that opens without a key, the vault left aside: it says its format when it is opened.

    Raises VoicehouseError for one that this release does not read, saying what to do.
    """
    formats.check(formats.HOME, json.loads((home.root / "format.json").read_text())["format"])
    live_paths(home)
    run_history(home)
    published, served = home.root / "published" / "format.json", home.serving / "kpi.duckdb"
    if published.exists():
        formats.check(formats.PUBLISHED, json.loads(published.read_text())["format"])
    if served.exists():
        try:
            with open_read_only(served) as con:
                formats.is_served_by_earlier(con)
        except duckdb.Error:
            return  # what cannot be read is withdrawn by the next run


def fingerprint(home: Home) -> str:
    """What served marts depend on: commits, code, models, policy, settings. Equal: there is nothing new to serve."""
    digest = hashlib.sha256((json.dumps(formats.FORMATS) + evidence.code()).encode())
    commits = sorted(home.folder("lake", "_commits").glob("*.json"))
    # Packing files together changes no row.
    commits += sorted(p for p in home.folder("lake", "_rewrites").glob("*.json") if not p.stem.endswith("compaction"))
    models = sorted(p for p in modelling.PROJECT.rglob("*") if p.suffix in (".sql", ".yml", ".csv", ".md"))
    own = [home.root / "policy.toml", home.root / "house.toml", metrics.path_of(home), home.lake / SUBJECTS_FILE]
    for path in [*commits, *models, *own]:
        digest.update(path.name.encode() + b"\x1f" + (path.read_bytes() if path.exists() else b""))
    return digest.hexdigest()


def is_served(home: Home) -> bool:
    """Whether what is served was made from exactly what the home holds now, and the models it was made by are there."""
    path = home.folder("ops") / "served.json"
    if postgres.is_due(home) or not home.warehouse.exists():
        return False
    return path.exists() and json.loads(path.read_text())["fingerprint"] == fingerprint(home)


def mark_served(home: Home) -> None:
    """Note what was served, after the last of its files is in place."""
    content = {"fingerprint": fingerprint(home), "served_at": now().isoformat()}
    write_durably(home.folder("ops") / "served.json", json.dumps(content).encode())


def check_privacy(home: Home, keyring: Keyring) -> list[Check]:
    """The privacy checks on the home as it stands, written where the models find them.

    When nothing is new, those alone that what lies on the disk can change by itself; where one of them comes to another
    word than before, the run has something new to serve. Where one fails that lets nothing be served, the report of
    what still is says so.
    """
    if is_served(home):
        if not stores_differ(home, keyring):
            return []
        (home.folder("ops") / "served.json").unlink(missing_ok=True)
    found = check_home(home, keyring, sources(home))
    if failing(home):
        _report_refused(home, keyring)
    return found


def audit_exact_marts(home: Home, keyring: Keyring, marts: list[str]) -> list[dict[str, Any]]:
    """Every mart against its suite: names of checks and counts."""
    con = open_warehouse(home, keyring)
    try:
        return [
            {"mart": mart, **asdict(check)}
            for mart in marts
            for check in audit.audit_mart(con, mart, relation=f"wh.kpis.{identifier(mart)}").checks
        ]
    finally:
        con.close()


def recheck_served(home: Home, run_id: str) -> list[str]:
    """Hold what is served against the checks of today; what fails is withdrawn at once, and the incident written down.

    Bytes that passed the same checks before are not asked again. PostgreSQL hears of what it has missed so far.

    Returns the codes of what failed, without values; empty when all is well or nothing is served.
    """
    failed = _withdraw_failing(home, run_id)
    if not failed and postgres.is_due(home):  # what fails must not get there
        _to_postgres(home, run_id)
    return failed


def _withdraw_failing(home: Home, run_id: str) -> list[str]:
    path = home.serving / "kpi.duckdb"
    if not path.exists() or verdict.stands(home, path):
        return []
    try:
        with open_read_only(path) as con:
            is_earlier = formats.is_served_by_earlier(con)
        # What an earlier release published stays, if it shows no person, until this run has made it anew.
        judged = [] if is_earlier else audit.published_failures(path)
        failed = sorted({*_shows_persons(home, path), *judged})
    except (duckdb.Error, audit.AuditError):
        failed = ["unreadable"]
    if failed:
        try:
            incident = incidents.withdrawing(home, Keyring(home), verdict.content(path), run_id=run_id, failed=failed)
        finally:  # figures go even where nothing can be written down
            removed = serving.withdraw(home, "a check of what was served failed: " + ", ".join(failed))
        incidents.keep_removed(home, Keyring(home), incident, removed)
        Outcomes(home, run_id).note("withdrawn", failed)
    else:
        verdict.keep(home, path)
    return failed


def _shows_persons(home: Home, path: Path) -> list[str]:
    """Codes of the checks by which a file of figures shows a person or gives one away, without values."""
    broken = [check_id for check_id, (_, n, _) in check_served(home, path).items() if n]
    return sorted({*serving.person_free(path), *broken})


def publish(home: Home, keyring: Keyring, run_id: str) -> PublishResult:
    """Disclosure, candidate, checks, swap, PostgreSQL. What fails its checks leaves the last good version in place.

    Raises VoicehouseError when the disk is full: what is served is whole then, the last good version or this one.
    """
    with told_when_full("publication"):
        return _publish(home, keyring, run_id)


def _publish(home: Home, keyring: Keyring, run_id: str) -> PublishResult:
    con = open_warehouse(home, keyring)
    try:
        row = con.execute("SELECT max(known_at) FROM wh.kpis.kpi_values").fetchone()
        known_at = row[0] if row else None
        result = serving.publish(
            con, home, home.house.profile, known_at, audit.published_failures, waits=home.house.waits_for_sign_off
        )
    finally:
        con.close()
    if result.is_served:
        report_privacy(home, keyring)
        if not result.is_waiting:
            verdict.keep(home, result.path)
    else:
        Outcomes(home, run_id).note("refused", list(result.failed_checks))
    _to_postgres(home, run_id)  # refused or not: restricted rows that were taken out leave it too
    if not result.is_served:
        _report_refused(home, keyring)
    return result


def _to_postgres(home: Home, run_id: str) -> None:
    """Bring PostgreSQL, where the home has one, to what is served; whether it was reached is the run's outcome."""
    outcomes, unreached = Outcomes(home, run_id), []
    try:
        target = postgres.PostgresTarget.of(home)
        if target:
            postgres.publish_served(home, target)
    except VoicehouseError as error:
        unreached = [str(error)]
    if unreached != outcomes.codes("unreached"):
        outcomes.note("unreached", unreached)


def report_privacy(home: Home, keyring: Keyring, dry_run: bool = False) -> PrivacyReport:
    """The privacy report of what waits for its sign-off, else of what is served; a dry run says which it would be."""
    waiting = serving.waiting(home)
    kpi = waiting if waiting.exists() else home.serving / "kpi.duckdb"
    return write_privacy_report(home, keyring, sources(home), kpi, dry_run)


def _report_refused(home: Home, keyring: Keyring) -> None:
    """The report of what stays, where anything does, with the checks that let nothing new be served."""
    if serving.waiting(home).exists() or (home.serving / "kpi.duckdb").exists():
        report_privacy(home, keyring)


def to_sign(home: Home, read_one: str | None = None) -> tuple[Path, str]:
    """The newest privacy report and its hash.

    Raises VoicehouseError when there is none, its hash is another than that of the one that was read, the checks of the
    newest run fail, or figures wait that it does not speak of: a run died before it wrote theirs.
    """
    if failed := failing(home):
        raise VoicehouseError(
            f"privacy checks failed last ({', '.join(failed)}), and nothing is signed while they do: mend what they name, "
            "run `voicehouse run`, then sign its report"
        )
    path = newest(home)
    if path is None:
        raise VoicehouseError("there is no privacy report yet: run `voicehouse run` first")
    report = read(path)
    found = str(report["sha256"])
    if read_one and found != read_one:
        raise VoicehouseError("the newest privacy report is another than the one you read: read it, then sign it")
    if (made := serving.waits_since(home)) and made.isoformat() != report["publication"]["published_at"]:
        raise VoicehouseError(
            "the figures that wait are not those of the newest privacy report: write theirs with `voicehouse privacy "
            "report`, read it, then sign it"
        )
    return path, found


def sign(home: Home, keyring: Keyring, name: str, remark: str, read_one: str | None = None) -> tuple[str, int, bool]:
    """Sign the newest privacy report and serve what waited for it: report, audit line, if anything was served.

    Raises VoicehouseError, and signs nothing, when stores or what waits are not any more as they were checked.
    """
    path, _ = to_sign(home, read_one)
    ready = serving.waiting(home)
    if ready.exists() and (found_last(home) and stores_differ(home, keyring) or _shows_persons(home, ready)):
        raise VoicehouseError(
            "what waits to be served, or a store, is not any more as it was checked: run `voicehouse run`, then sign its report"
        )
    signed = sign_off(home, keyring, path, name, remark)
    return path.stem, int(signed["audit_line"]), serve_signed(home, keyring)


def serve_signed(home: Home, keyring: Keyring) -> bool:
    """Serve what waited for its sign-off, here and on PostgreSQL; whether anything did.

    Raises VoicehouseError when PostgreSQL cannot be reached: served here, tried again by the next run.
    """
    from orchestration.serving.report import write_report

    if not serving.waiting(home).exists():
        return False
    con = open_warehouse(home, keyring)
    # The run that made it noted it as served. Without that note, until all of it is, a run after a death makes it anew.
    note = home.folder("ops") / "served.json"
    noted = note.read_bytes() if note.exists() else None
    note.unlink(missing_ok=True)
    sync_folder(note.parent)
    try:
        serving.release(con, home)
    finally:
        con.close()
    write_report(home)
    postgres.mark_due(home)
    if noted:
        write_durably(note, noted)
    target = postgres.PostgresTarget.of(home)
    if target:
        postgres.publish_served(home, target)
    return True


def rotate_keys(home: Home, keyring: Keyring) -> tuple[rotation.Rotated, tuple[str, ...]]:
    """Replace every kind of key, then models and served files; what it counted, and codes of failed checks."""
    load_staged(home, keyring)
    promote.sweep_orphans(home)
    done = rotation.rotate(home, keyring)
    return done, rebuild(home, keyring, done.commit) if live_paths(home) else ()


def rebuild(home: Home, keyring: Keyring, run_id: str) -> tuple[str, ...]:
    """Make models and served files anew from the lake as it is, without asking any source; the codes of failed checks.

    For operations that rewrote the lake: what was taken out of it must not wait for the next run. The caller holds the
    lock.
    """
    from orchestration.serving.report import write_report

    postgres.mark_due(home)  # restricted rows that were taken out leave it by the next run where this one fails
    modelling.manifest(home, keyring)
    check_home(home, keyring, sources(home))
    with modelling.building(home, keyring) as build:
        modelling.run(home, build.arguments(), modelling.environment(home, keyring))
    outcomes = Outcomes(home, run_id)
    outcomes.begin()
    try:
        result = publish(home, keyring, run_id)
        write_report(home)
    except Exception as error:  # it broke off before its verdict, and did not die
        outcomes.conclude(home, run_id, "failed", "publish", kept(error))
        raise
    conclude(home, run_id)
    return result.failed_checks


def conclude_died(home: Home, run_id: str) -> None:
    """Give runs that died their line in the history; the caller, run `run_id`, holds the lock: none of them goes on.

    Drafts they left of files that bear a run's or a load's name, which nobody writes again, go.
    """
    for folder in (("ops", "outcomes"), ("ops", "privacy"), ("landing", "_read")):
        for draft in home.folder(*folder).glob(".*.draft"):
            draft.unlink(missing_ok=True)
    for path in sorted(home.folder("ops", "outcomes").glob("*.json")):
        if path.stem != run_id:
            Outcomes(home, path.stem).conclude(home, path.stem, "died")


def conclude_nothing_new(home: Home, run_id: str) -> None:
    """End a run that found nothing to do. The page is written where a run before may not have come to it."""
    from orchestration.serving.report import write_report

    if run_history(home)[-1:] and run_history(home)[-1]["status"] in ("failed", "interrupted", "died"):
        write_report(home)
    Outcomes(home, run_id).conclude(home, run_id, "nothing_new")


def conclude(home: Home, run_id: str) -> list[str]:
    """End a run that came to its last step: the history gets its line; returns what went wrong, in sentences."""
    outcomes = Outcomes(home, run_id)
    of_sources = [
        f"not all from {source} ({f['reason']})" if f["step"] == "files" else f"no news from {source} ({f['reason']})"
        for source, f in outcomes.counting.items()
    ]
    wrong: list[str] = []
    refused, withdrawn = outcomes.codes("refused"), outcomes.codes("withdrawn")
    if refused:
        wrong.append(f"the new figures failed their checks ({', '.join(refused)}): the last good ones are still served")
    if withdrawn:
        wrong.append(f"what was served before failed its checks ({', '.join(withdrawn)}): it was withdrawn")
    wrong += outcomes.codes("unreached")
    status = "failed" if of_sources or wrong else "succeeded"
    outcomes.conclude(home, run_id, status, reason="; ".join(wrong) or None)
    if not refused:
        mark_served(home)
    return of_sources + wrong
