"""`voicehouse subject`: what one person asks of the house: access, erasure, rectification, restriction, objection.

Keep out: how each is done (orchestration.privacy). Each asks for the role compliance, leaves a line in the audit log
before it answers, and registers a request with the day it is due.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestration.commands import as_json
from orchestration.home import Home, now
from orchestration.messages import text


def sought(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say by what a person is sought, the role and the reason. `-` asks for the value instead."""
    options = [
        click.option("--email", help=text("subject.email")),
        click.option("--phone", help=text("subject.phone")),
        click.option("--country", help=text("subject.country")),
        click.option("--account", help=text("subject.account")),
        click.option("--pseudonym", help=text("subject.pseudonym")),
        click.option("--record", help=text("subject.record")),
        click.option("--role", required=True, help=text("subject.role")),
        click.option("--reason", required=True, help=text("subject.reason")),
    ]
    for option in reversed(options):
        command = option(command)
    return command


class Desk:
    """A person's case on the desk: the home, its keys, a connection with the vault open, `_person` found."""

    def __init__(self, about: dict[str, Any], write: bool):
        from orchestration.engine import connect
        from orchestration.lake.store import LAKE_KEY, Lake
        from orchestration.privacy import pseudonyms, roles
        from orchestration.privacy.audit_log import AuditLog, tag
        from orchestration.privacy.keys import Keyring
        from orchestration.privacy.subjects import Sought

        self.home = Home.open()
        self.keyring = Keyring(self.home)
        self.role, self.reason = about.pop("role"), about.pop("reason")
        roles.require(self.home, self.keyring, self.role, "subject")
        asked = {k: click.prompt(k, hide_input=True) if v == "-" else v for k, v in about.items()}
        self.sought = Sought(**asked)
        self.write = write
        self.lake = Lake(self.home, self.keyring.base64(LAKE_KEY))
        self.log = AuditLog(self.home, self.keyring)
        self.con = connect(self.home.temp)
        pseudonyms.install(self.con, self.keyring)
        self.lake.register(self.con)  # before the vault is open: one transaction writes to one database
        self._tag = tag

    @contextmanager
    def open(self, action: str) -> Iterator[list[str]]:
        """The vault open, the person found and the audit line written; raises where nobody is found."""
        from orchestration.errors import VoicehouseError
        from orchestration.privacy import subjects
        from orchestration.privacy.vault import open_vault

        try:
            with open_vault(self.con, self.home, self.keyring, read_only=not self.write):
                ids = subjects.find(self.con, self.sought)
                by = [k for k, v in asdict(self.sought).items() if v and k != "country"][0]
                self.log.append(
                    f"subject {action}",
                    role=self.role,
                    reason=self.reason,
                    by=by,
                    subject=[self._tag(self.keyring, i) for i in ids],
                )
                if not ids:
                    raise VoicehouseError("the vault knows nobody by that")
                yield ids
        finally:
            if self.write:
                self.con.close()

    def begun(self, request_id: str) -> Any:
        """An erasure of the register that did not come to its end."""
        from orchestration.errors import VoicehouseError
        from orchestration.privacy import requests
        from orchestration.privacy.vault import open_vault

        try:
            with open_vault(self.con, self.home, self.keyring, read_only=True):
                found = [r for r in requests.listed(self.con, open_only=True) if r.request_id == request_id]
        finally:
            self.con.close()
        if not found or found[0].action != "erase":
            raise VoicehouseError(f"no erasure {request_id} is open: see `voicehouse subject requests`")
        self.log.append("subject erase, resumed", role=self.role, reason=self.reason, request=request_id)
        return found[0]


@click.group(help=text("subject.help"))
def command() -> None:
    """What one person asks of the house."""


@command.command(help=text("subject.find"))
@sought
@as_json
def find(as_json: bool, **about: Any) -> None:
    """How much the house holds of a person, without showing it."""
    from orchestration.privacy import subjects

    desk = Desk(about, write=False)
    with desk.open("find") as ids:
        conditions = subjects.reach(desk.con)
        identities = desk.con.execute(
            "SELECT domain, count(DISTINCT index_hash) FROM vault.identity WHERE subject_id IN (FROM _person) GROUP BY 1 ORDER BY 1"
        ).fetchall()
        keys = [k for (k,) in desk.con.execute("SELECT subject_key FROM _person_keys ORDER BY 1").fetchall()]
    found: dict[str, Any] = {
        "pseudonyms": keys,
        "identities": dict(identities),
        "rows": subjects.count_rows(desk.con, conditions),
    }
    desk.con.close()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(text("subject.found", pseudonyms=len(ids)))
    for name, n in [*found["identities"].items(), *found["rows"].items()]:
        click.echo(f"  {name:20} {n}")


@command.command(help=text("subject.export"))
@sought
@click.option("--to", required=True, type=click.Path(path_type=Path, dir_okay=False), help=text("subject.to"))
@as_json
def export(to: Path, as_json: bool, **about: Any) -> None:
    """Everything the house holds of a person, as one JSON file for that person."""
    from orchestration.privacy import access, requests

    desk = Desk(about, write=True)
    with desk.home.writing("subject export"), desk.open("export") as ids:
        request = requests.register(desk.con, desk.home, "access", ids)
        counts = access.write_copy(desk.con, desk.home, to)
        requests.close(desk.con, request.request_id, "copy written")
    if as_json:
        click.echo(json.dumps({"request": request.request_id, "rows": counts, "to": str(to)}, indent=1))
        return
    click.echo(text("subject.exported", request=request.request_id, rows=sum(counts.values()), path=to))


@command.command(help=text("subject.erase"))
@sought
@click.option("--dry-run", is_flag=True, help=text("subject.dry_run"))
@click.option("--yes", is_flag=True, help=text("subject.yes"))
@click.option("--request", "resumed", help=text("subject.resumed"))
@as_json
def erase(dry_run: bool, yes: bool, resumed: str | None, as_json: bool, **about: Any) -> None:
    """Erase a person from every live store, and make models and served files anew."""
    from orchestration import pipeline
    from orchestration.privacy import erasure, evidence, requests, subjects

    desk = Desk(about, write=True)
    if dry_run:
        desk.write = False
        with desk.open("erase, dry run"):
            rows = subjects.count_rows(desk.con, subjects.reach(desk.con))
        desk.con.close()
        click.echo(json.dumps(rows) if as_json else text("subject.would_erase", rows=sum(rows.values())))
        return
    if not yes:
        click.confirm(text("subject.sure"), abort=True)
    with desk.home.writing("subject erase"):
        started = time.monotonic()
        pipeline.load_staged(desk.home, desk.keyring)
        if resumed:
            request = desk.begun(resumed)
        else:
            with desk.open("erase") as ids:
                request = requests.register(desk.con, desk.home, "erase", ids)
        _say(as_json, "subject.erasing", request=request.request_id, due=f"{request.due_at:%Y-%m-%d}")
        receipt = erasure.erase(
            desk.home, desk.keyring, request, lambda store: _say(as_json, "subject.step", store=store)
        )
        receipt.seconds["erase"] = round(time.monotonic() - started, 1)
        _say(as_json, "subject.step", store="warehouse, serving")
        failed = pipeline.rebuild(desk.home, desk.keyring, request.request_id)
        receipt.seconds["rebuild"] = round(time.monotonic() - started - receipt.seconds["erase"], 1)
        receipt.after |= erasure.traces_of(desk.home, desk.keyring, request.request_id)
        evidence.note(
            desk.home, "C11", 1, int(not receipt.is_complete), "persons erased last, searched in every store after"
        )
        path = erasure.keep(desk.home, receipt)
        erasure.close(desk.home, desk.keyring, request.request_id, "erased" if receipt.is_complete else "not complete")
    if as_json:
        click.echo(json.dumps(asdict(receipt) | {"is_complete": receipt.is_complete, "receipt": str(path)}, indent=1))
    else:
        for store, before in receipt.before.items():
            click.echo(text("subject.store", store=store, before=before, after=receipt.after[store]))
        for told in receipt.by_schedule.values():
            click.echo(f"  {told}")
        click.echo(text("subject.erased", path=path, seconds=sum(receipt.seconds.values())))
    if failed or not receipt.is_complete:
        raise SystemExit(1)


@command.command(help=text("subject.rectify"))
@sought
@click.option("--wrong-email", help=text("subject.wrong_email"))
@click.option("--wrong-phone", help=text("subject.wrong_phone"))
@as_json
def rectify(wrong_email: str | None, wrong_phone: str | None, as_json: bool, **about: Any) -> None:
    """Take an identifier away that is not theirs; say which sources must correct the rest."""
    from orchestration.privacy import requests, resolve, subjects
    from orchestration.privacy.vault import publish_subjects

    desk = Desk(about, write=True)
    removed = 0
    with desk.home.writing("subject rectify"), desk.open("rectify") as ids:
        request = requests.register(desk.con, desk.home, "rectify", ids)
        at = now().replace(tzinfo=None).isoformat()
        for domain, value in (("email", wrong_email), ("phone", wrong_phone)):
            if value:
                mark = subjects.index_hash(desk.con, subjects.Sought(**{domain: value}))
                removed += resolve.unlink(desk.con, mark, request.request_id, at)
        publish_subjects(desk.con, desk.lake)
        records = desk.con.execute(
            "SELECT source, domain, original FROM vault.record_key WHERE subject_id IN (FROM _person) "
            "AND domain NOT IN ('consent', 'deletion') ORDER BY ALL"
        ).fetchall()
        if removed and not records:
            requests.close(desk.con, request.request_id, "rectified")
    if as_json:
        listed = [{"source": s, "kind": k, "id": i} for s, k, i in records]
        click.echo(
            json.dumps({"request": request.request_id, "removed": removed, "correct_at_source": listed}, indent=1)
        )
        return
    click.echo(text("subject.rectified", request=request.request_id, removed=removed, due=f"{request.due_at:%Y-%m-%d}"))
    for source, kind, original in records:
        click.echo(f"  {source}:{kind}:{original}")


@command.command(help=text("subject.restrict"))
@sought
@click.option("--lift", is_flag=True, help=text("subject.lift"))
@as_json
def restrict(lift: bool, as_json: bool, **about: Any) -> None:
    """Keep a person's rows and use them for nothing, until lifted."""
    _restrict("restrict", None, lift, as_json, about)


@command.command("object", help=text("subject.object"))
@sought
@click.option("--purpose", default="analytics", show_default=True, help=text("subject.purpose"))
@click.option("--lift", is_flag=True, help=text("subject.lift"))
@as_json
def object_to(purpose: str, lift: bool, as_json: bool, **about: Any) -> None:
    """Use a person's rows for one purpose no more."""
    _restrict("object", purpose, lift, as_json, about)


def _restrict(action: str, purpose: str | None, lift: bool, as_json: bool, about: dict[str, Any]) -> None:
    from orchestration.privacy import requests, restriction

    desk = Desk(about, write=True)
    with desk.home.writing(f"subject {action}"), desk.open(f"{action}, lifted" if lift else action) as ids:
        request = requests.register(desk.con, desk.home, action, ids)
        changed = restriction.restrict(desk.con, desk.lake, purpose, request.request_id, lift)
        requests.close(desk.con, request.request_id, "lifted" if lift else "done")
    if as_json:
        click.echo(json.dumps({"request": request.request_id, "rows": changed}))
        return
    click.echo(text("subject.restricted", request=request.request_id, rows=changed))


@command.command(help=text("subject.requests"))
@click.option("--open", "open_only", is_flag=True, help=text("subject.open_only"))
@as_json
def requests(open_only: bool, as_json: bool) -> None:
    """The register: who asked (by number), what, due when, how it ended."""
    from orchestration.engine import connect
    from orchestration.privacy import requests as register
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.vault import open_vault

    home = Home.open()
    con = connect(home.temp)
    try:
        with open_vault(con, home, Keyring(home), read_only=True):
            found = register.listed(con, open_only)
    finally:
        con.close()
    today = now().replace(tzinfo=None)
    rows = [
        {
            "request": r.request_id,
            "action": r.action,
            "received_at": r.received_at.isoformat(),
            "due_at": r.due_at.isoformat(),
            "days_left": None if r.closed_at else (r.due_at - today).days,
            "outcome": r.outcome,
        }
        for r in found
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        click.echo(text("subject.no_requests"))
    for r in rows:
        left = text("subject.days_left", n=r["days_left"]) if r["days_left"] is not None else r["outcome"]
        click.echo(f"{r['request']}  {r['action']:9} {str(r['due_at'])[:10]}  {left}")


def _say(as_json: bool, key: str, **values: Any) -> None:
    """Progress, on the error stream where the answer is for a machine."""
    click.echo(text(key, **values), err=as_json)
