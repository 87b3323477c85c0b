"""`voicehouse subject`: what one person asks of the house: access, erasure, rectification, restriction, objection.

Keep out: how each is done (orchestration.privacy). Each asks for the role compliance, leaves a line in the audit log
before it answers, and registers a request with the day it is due.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestration.commands import as_json
from orchestration.home import Home, now
from orchestration.messages import text, translated


def staff(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option by which a member of staff is sought, of what they may ask."""
    return click.option("--agent", help=text("subject.agent"))(command)


def no_staff(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same option where staff cannot ask: it says what to do instead."""

    def refuse(_: click.Context, __: click.Parameter, agent: str | None) -> None:
        from orchestration.errors import VoicehouseError
        from orchestration.privacy.requests import NOT_OF_STAFF

        if agent:
            raise VoicehouseError(NOT_OF_STAFF)

    return click.option("--agent", hidden=True, expose_value=False, callback=refuse)(command)


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

    def register(self, action: str, verb: str | None = None) -> Any:
        """The request, written into the register; the line in the audit log says `verb`."""
        from orchestration.privacy import requests

        with self.open(verb or action) as ids:
            return requests.register(self.con, self.home, action, ids)

    def begun(self, request_id: str) -> Any:
        """An erasure of the register that did not come to its end."""
        from orchestration import answering

        self.con.close()
        found = answering.open_request(self.home, self.keyring, request_id, "erase")
        self.log.append("subject erase, resumed", role=self.role, reason=self.reason, request=request_id)
        return found

    def would(self, action: str, told: str, as_json: bool, counted: Callable[[Any], Any]) -> None:
        """A dry run: what `counted` finds for the person, in the words of message `told`; nothing is changed."""
        self.write = False
        with self.open(f"{action}, dry run"):
            found = counted(self.con)
        self.con.close()
        rows = sum(found.values()) if isinstance(found, dict) else found
        click.echo(json.dumps(found) if as_json else text(told, rows=rows))


@click.group(help=text("subject.help"))
def command() -> None:
    """What one person asks of the house."""


@command.command(help=text("subject.find"))
@sought
@staff
@as_json
def find(as_json: bool, **about: Any) -> None:
    """How much the house holds of a person, without showing it."""
    from orchestration.privacy import subjects

    desk = Desk(about, write=False)
    with desk.open("find") as ids:
        conditions = subjects.reach(desk.con)
        identities = subjects.count_identities(desk.con)
        held = "SELECT subject_key FROM _person_keys UNION ALL SELECT agent_key FROM _staff_keys ORDER BY 1"
        keys = [k for (k,) in desk.con.execute(held).fetchall()]
    found: dict[str, Any] = {
        "pseudonyms": keys,
        "identities": identities,
        "rows": subjects.count_rows(desk.con, conditions),
    }
    desk.con.close()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(text("subject.found", pseudonyms=len(ids)))
    for name, n in [*found["identities"].items(), *found["rows"].items()]:
        click.echo(f"  {name:20} {n}")


def dry_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--dry-run` of everything that changes something."""
    return click.option("--dry-run", is_flag=True, help=text("subject.dry_run"))(command)


@command.command(help=text("subject.register"))
@sought
@staff
@click.option(
    "--action", required=True, type=click.Choice(("access", "erase", "restrict", "object")), help=text("subject.action")
)
@dry_run
@as_json
def register(action: str, dry_run: bool, as_json: bool, **about: Any) -> None:
    """Write a request down, to be answered later by its number: by Dagster's job `subject_request`, say."""
    from orchestration.privacy import requests

    desk = Desk(about, write=not dry_run)
    if dry_run:
        with desk.open("register, dry run") as ids:
            due = requests.draft(desk.con, desk.home, action, ids).due_at
        desk.con.close()
        told = text("subject.would_register", action=action, due=f"{due:%Y-%m-%d}")
        click.echo(json.dumps({"due_at": due.isoformat()}) if as_json else told)
        return
    with desk.home.writing("subject register"):
        request = desk.register(action, f"{action} registered")
    if as_json:
        click.echo(json.dumps({"request": request.request_id, "due_at": request.due_at.isoformat()}))
        return
    click.echo(text("subject.registered", request=request.request_id, due=f"{request.due_at:%Y-%m-%d}"))


@command.command(help=text("subject.export"))
@sought
@staff
@click.option("--to", required=True, type=click.Path(path_type=Path, dir_okay=False), help=text("subject.to"))
@dry_run
@as_json
def export(to: Path, dry_run: bool, as_json: bool, **about: Any) -> None:
    """Everything the house holds of a person, as one JSON file for that person."""
    from orchestration import answering
    from orchestration.privacy import subjects

    desk = Desk(about, write=True)
    if dry_run:
        desk.would("export", "subject.would_export", as_json, lambda con: subjects.count_rows(con, subjects.reach(con)))
        return
    with desk.home.writing("subject export"):
        request = desk.register("access", "export")
        counts = answering.copy(desk.home, desk.keyring, request, to)
    if as_json:
        click.echo(json.dumps({"request": request.request_id, "rows": counts, "to": str(to)}, indent=1))
        return
    click.echo(text("subject.exported", request=request.request_id, rows=sum(counts.values()), path=to))


@command.command(help=text("subject.erase"))
@sought
@no_staff
@dry_run
@click.option("--yes", is_flag=True, help=text("subject.yes"))
@click.option("--request", "resumed", help=text("subject.resumed"))
@as_json
def erase(dry_run: bool, yes: bool, resumed: str | None, as_json: bool, **about: Any) -> None:
    """Erase a person from every live store, and make models and served files anew."""
    from orchestration import answering, pipeline
    from orchestration.privacy import subjects

    desk = Desk(about, write=True)
    if dry_run:
        desk.would("erase", "subject.would_erase", as_json, lambda con: subjects.count_rows(con, subjects.reach(con)))
        return
    if not yes:
        click.confirm(text("subject.sure"), abort=True)
    with desk.home.writing("subject erase"):
        pipeline.load_staged(desk.home, desk.keyring)
        request = desk.begun(resumed) if resumed else desk.register("erase")
        _say(as_json, "subject.erasing", request=request.request_id, due=f"{request.due_at:%Y-%m-%d}")
        receipt, path, failed = answering.erase(
            desk.home, desk.keyring, request, lambda store: _say(as_json, "subject.step", store=store)
        )
    if as_json:
        click.echo(json.dumps(asdict(receipt) | {"is_complete": receipt.is_complete, "receipt": str(path)}, indent=1))
    else:
        for store, before in receipt.before.items():
            click.echo(text("subject.store", store=store, before=before, after=receipt.after[store]))
        for told in receipt.by_schedule.values():
            click.echo(f"  {translated(told)}")
        click.echo(text("subject.erased", path=path, seconds=sum(receipt.seconds.values())))
    if failed or not receipt.is_complete:
        raise SystemExit(1)


@command.command(help=text("subject.rectify"))
@sought
@no_staff
@click.option("--wrong-email", help=text("subject.wrong_email"))
@click.option("--wrong-phone", help=text("subject.wrong_phone"))
@dry_run
@as_json
def rectify(wrong_email: str | None, wrong_phone: str | None, dry_run: bool, as_json: bool, **about: Any) -> None:
    """Take an identifier away that is not theirs; say which sources must correct the rest."""
    from orchestration.privacy import requests, resolve
    from orchestration.privacy.vault import publish_subjects

    desk = Desk(about, write=True)
    removed = 0
    if dry_run:
        desk.would(
            "rectify",
            "subject.would_rectify",
            as_json,
            lambda con: resolve.links(con, _marks(con, wrong_email, wrong_phone)),
        )
        return
    with desk.home.writing("subject rectify"), desk.open("rectify") as ids:
        request = requests.register(desk.con, desk.home, "rectify", ids)
        at = now().replace(tzinfo=None).isoformat()
        for mark in _marks(desk.con, wrong_email, wrong_phone):
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


def _marks(con: Any, email: str | None, phone: str | None) -> list[str]:
    """Blind indexes of what is not theirs."""
    from orchestration.privacy.subjects import Sought, index_hash

    given = [Sought(email=email)] if email else []
    given += [Sought(phone=phone)] if phone else []
    return [index_hash(con, sought) for sought in given]


@command.command(help=text("subject.restrict"))
@sought
@staff
@click.option("--lift", is_flag=True, help=text("subject.lift"))
@dry_run
@as_json
def restrict(lift: bool, dry_run: bool, as_json: bool, **about: Any) -> None:
    """Keep a person's rows and use them for nothing, until lifted."""
    _restrict("restrict", None, lift, dry_run, as_json, about)


@command.command("object", help=text("subject.object"))
@sought
@staff
@click.option("--purpose", default="analytics", show_default=True, help=text("subject.purpose"))
@click.option("--lift", is_flag=True, help=text("subject.lift"))
@dry_run
@as_json
def object_to(purpose: str, lift: bool, dry_run: bool, as_json: bool, **about: Any) -> None:
    """Use a person's rows for one purpose no more."""
    _restrict("object", purpose, lift, dry_run, as_json, about)


def _restrict(
    action: str, purpose: str | None, lift: bool, dry_run: bool, as_json: bool, about: dict[str, Any]
) -> None:
    from orchestration import answering
    from orchestration.lake import rewrite
    from orchestration.privacy import restriction

    desk = Desk(about, write=True)
    if dry_run:
        desk.would(
            action,
            "subject.would_restrict",
            as_json,
            lambda con: {
                kind: n
                for kind, (_, n) in rewrite.count(con, desk.lake, restriction.changes(con, purpose, lift)).items()
            },
        )
        return
    with desk.home.writing(f"subject {action}"):
        request = desk.register(action, f"{action}, lifted" if lift else action)
        changed = answering.restrict(desk.home, desk.keyring, request, purpose, lift)
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
