"""Answering a request of the register: access, erasure, rectification, restriction.

The command line and Dagster both call it.

Keep out: finding the person (privacy/desk.py) and who may ask (commands/subject.py, defs/persons.py). The caller holds
the home's lock.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.lake import quarantine
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import (
    access,
    answers,
    erasure,
    evidence,
    pseudonyms,
    reidentification,
    requests,
    resolve,
    restriction,
    roles,
    subjects,
)
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erasure import Receipt
from orchestration.privacy.keys import Keyring
from orchestration.privacy.requests import Request
from orchestration.privacy.vault import open_vault, publish_subjects
from orchestration.serving import postgres

Say = Callable[[str], object]


def open_request(home: Home, keyring: Keyring, request_id: str, action: str | None = None) -> Request:
    """A request of the register that waits for its answer. Raises VoicehouseError when there is none of that number."""
    con = connect(home.temp)
    try:
        with open_vault(con, home, keyring, read_only=True):
            found = [r for r in requests.listed(con, open_only=True) if r.request_id == request_id]
    finally:
        con.close()
    if not found or action not in (None, found[0].action):
        what = "erasure" if action == "erase" else "request"
        raise VoicehouseError(f"no {what} {request_id} is open: see `voicehouse subject requests`")
    return found[0]


def would(home: Home, keyring: Keyring, request: Request) -> dict[str, int]:
    """A dry run of an answer: how much it would concern; nothing is changed.

    Of a restriction or objection rows that would change, of a rectification records that their source must correct, of
    the others all that is held.
    """
    con = _desk(home, keyring)
    try:
        with open_vault(con, home, keyring, read_only=True):
            requests.set_person(con, request)
            if request.action == "rectify":
                return {"correct_at_source": len(to_correct(con).records)}
            if request.action in ("restrict", "object"):
                changes = restriction.changes(con, _struck(request), request.is_lift)
                counted = restriction.count(con, Lake(home, keyring.base64(LAKE_KEY)), changes)
                return dict(zip(("rows", "waiting"), (sum(rows.values()) for rows in counted), strict=True))
            conditions = subjects.reach(con)
            found = (subjects.count_rows(con, conditions, schema) for schema in subjects.SCHEMAS)
            held = dict(zip(("rows", "waiting"), (sum(rows.values()) for rows in found), strict=True))
            return {**held, "identities": sum(subjects.count_identities(con).values())}
    finally:
        con.close()


def copy(home: Home, keyring: Keyring, request: Request, to: Path | None = None) -> access.Copied:
    """Write everything held of the person to `to`, and close the request; what is in it.

    Without `to` it waits sealed in the home, until somebody fetches it or its term ends.
    """

    def write(told: dict[str, Any]) -> None:
        if to is None:
            answers.write(answers.for_person(home, request.request_id), keyring, "subject", told)
        else:
            write_durably(to, readable(told))

    con = _desk(home, keyring)
    try:
        with open_vault(con, home, keyring):
            requests.set_person(con, request)
            copied = access.write_copy(con, home, write)
            requests.close(con, request.request_id, "copy written")
    finally:
        con.close()
    return copied


def readable(told: Any) -> bytes:
    """An answer as a person or a program reads it: JSON."""
    return json.dumps(told, indent=1, ensure_ascii=False, default=str).encode()


def fetch(home: Home, keyring: Keyring, number: str, role: str, reason: str, to: Path) -> str:
    """Write a sealed answer to `to`, by the number of its request or run, once the audit line is on the disk.

    Returns what was asked then. Raises NotAllowedError for whoever could not have asked that.
    """
    told = answers.read(home, keyring, number)
    operation = str(told["operation"])
    roles.require(home, keyring, role, operation)
    if told["agent_key"]:
        reidentification.require_list(home, keyring, told["agent_key"], {"role": role})
    AuditLog(home, keyring).append("answer", number=number, operation=operation, role=role, reason=reason)
    write_durably(to, readable(told["found"]))
    return operation


def erase(home: Home, keyring: Keyring, request: Request, say: Say = lambda _: None) -> tuple[Receipt, Path, bool]:
    """Erase the person from every live store, make models and served files anew, close the request.

    Returns the receipt, where it lies, and whether what was to be served failed its checks or did not reach PostgreSQL.
    """
    started = time.monotonic()
    pipeline.load_staged(home, keyring)
    receipt = erasure.erase(home, keyring, request, say)
    receipt.seconds["erase"] = round(time.monotonic() - started, 1)
    say("warehouse, serving")
    failed = pipeline.rebuild(home, keyring, request.request_id)
    receipt.seconds["rebuild"] = round(time.monotonic() - started - receipt.seconds["erase"], 1)
    receipt.after |= erasure.traces_of(home, keyring, request.request_id)
    if postgres.is_due(home):
        receipt.by_schedule["postgres"] = (
            "PostgreSQL did not answer and shows what it did: the next run, or `voicehouse publish postgres`, takes it there too"
        )
    evidence.note(home, "C11", 1, int(not receipt.is_complete), "persons erased last, searched in every store after")
    path = erasure.keep(home, receipt)
    erasure.close(home, keyring, request.request_id, "erased" if receipt.is_complete else "not complete")
    return receipt, path, bool(failed) or postgres.is_due(home)


@dataclass(frozen=True)
class Rectified:
    """Links taken away from the person, and records (source, kind, id) that must be corrected at their source."""

    removed: int
    records: tuple[tuple[str, str, str], ...]

    @property
    def listed(self) -> list[dict[str, str]]:
        return [{"source": source, "kind": kind, "id": record_id} for source, kind, record_id in self.records]


def rectify(home: Home, keyring: Keyring, request: Request) -> Rectified:
    """Take away what the register says is not the person's; where no record is left to correct, close the request."""
    con = _desk(home, keyring)
    try:
        with open_vault(con, home, keyring):
            requests.set_person(con, request)
            at = now().replace(tzinfo=None).isoformat()
            wrong = requests.take_wrong(con, request.request_id)
            removed = sum(resolve.unlink(con, mark, request.request_id, at) for mark in wrong)
            if removed:
                requests.note_taken(con, request.request_id)
            publish_subjects(con, Lake(home, keyring.base64(LAKE_KEY)))
            requests.set_person(
                con, request
            )  # whom it joined is parted from them now: their records are no business here
            done = to_correct(con, removed)
            if requests.has_taken(con, request.request_id) and not done.records:
                requests.close(con, request.request_id, "rectified")
    finally:
        con.close()
    return done


def to_correct(con: duckdb.DuckDBPyConnection, removed: int = 0) -> Rectified:
    """Every record of `_person` that a source holds, after so many links were taken away; needs the vault."""
    records = con.execute(
        "SELECT source, domain, original FROM vault.record_key WHERE subject_id IN (FROM _person) "
        "AND domain NOT IN ('consent', 'deletion') ORDER BY ALL"
    ).fetchall()
    return Rectified(removed, tuple(records))


def restrict(home: Home, keyring: Keyring, request: Request) -> int:
    """Strike the request's purpose, or all, out of the person's rows, or lift that, and close it; returns rows changed.

    Where rows of the lake change, the models are gone first, until the next run makes them anew: what is made from rows
    that may not be used leaves the house by no export meanwhile.
    """
    purpose = _struck(request)
    lift = request.is_lift
    con = _desk(home, keyring)
    try:
        lake = Lake(home, keyring.base64(LAKE_KEY))
        with open_vault(con, home, keyring):
            requests.set_person(con, request)
            changed = restriction.restrict(con, lake, purpose, request.request_id, lift)
            requests.close(con, request.request_id, "lifted" if lift else "done")
            restriction.remember(con, home, keyring)
    finally:
        con.close()
    if lift:
        restriction.renew(home, keyring)  # what was lifted may be struck out by another word of theirs
    return changed


def _struck(request: Request) -> str | None:
    """The purpose that a request strikes out; None for all."""
    return (request.purpose or requests.OBJECTED) if request.action == "object" else None


def close(
    home: Home, keyring: Keyring, request: Request, outcome: str, role: str, reason: str, dry_run: bool = False
) -> None:
    """End a request without answering it: nothing of the person is touched, and what was wrong is forgotten.

    On record before it is done; `dry_run` only checks. Raises VoicehouseError for an outcome that is none of
    requests.ENDS, or not this request's, and for an erasure that has begun: nothing else could finish it.
    """
    requests.check_end(request, outcome)
    if request.action == "erase" and erasure.has_begun(home, keyring, request.request_id):
        number = request.request_id
        raise VoicehouseError(
            f"the erasure {number} has begun and cannot be taken back: finish it with "
            f"`voicehouse subject erase --request {number} --role compliance --reason …`"
        )
    if dry_run:
        return
    AuditLog(home, keyring).append(
        "subject close", role=role, reason=reason, request=request.request_id, outcome=outcome
    )
    con = connect(home.temp)
    try:
        with open_vault(con, home, keyring):
            requests.take_wrong(con, request.request_id)
            requests.close(con, request.request_id, outcome)
    finally:
        con.close()


def _desk(home: Home, keyring: Keyring) -> duckdb.DuckDBPyConnection:
    """A connection with the lake, what waits in quarantine, and keyed hashes."""
    con = connect(home.temp)
    pseudonyms.install(con, keyring)
    # Before the vault is open: one transaction writes to one database.
    quarantine.register(con, Lake(home, keyring.base64(LAKE_KEY)))
    return con
