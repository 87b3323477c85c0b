"""`voicehouse subject`: what one person asks of the house: access, erasure, rectification, restriction, objection.

Keep out: how each is done (orchestration.privacy). Each asks for the role compliance, leaves a line in the audit log
before it answers, and registers a request with the day it is due.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click

from orchestration.commands import as_json
from orchestration.commands._confirm import confirm
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
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
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        click.option("--email", help=text("subject.email")),
        click.option("--phone", help=text("subject.phone")),
        click.option("--country", help=text("subject.country")),
        click.option("--account", help=text("subject.account")),
        click.option("--pseudonym", help=text("subject.pseudonym")),
        click.option("--record", help=text("subject.record")),
        click.option("--role", required=True, help=text("subject.role")),
        reason("subject.reason"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def desk(about: dict[str, Any]) -> Any:
    """The person's case, for a role that may; `-` asks for the value."""
    from orchestration.privacy import roles
    from orchestration.privacy.desk import Desk
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.subjects import Sought

    home = Home.existing()
    keyring = Keyring(home)
    role, reason = about.pop("role"), about.pop("reason")
    roles.require(home, keyring, role, "subject")
    return Desk(home, keyring, Sought(**{k: _typed(k, v) for k, v in about.items()}), role, reason)


def _typed(name: str, given: str | None) -> str | None:
    return str(click.prompt(name, hide_input=True)) if given == "-" else given


def not_theirs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which identifier is not the person's; argument `wrong`."""

    @wraps(command)
    def collect(wrong_email: str | None, wrong_phone: str | None, **given: Any) -> Any:
        from orchestration.privacy.subjects import Sought

        asked = {"email": _typed("wrong-email", wrong_email), "phone": _typed("wrong-phone", wrong_phone)}
        return command(wrong=[Sought(**{k: v}) for k, v in asked.items() if v], **given)

    phone = click.option("--wrong-phone", help=text("subject.wrong_phone"))(collect)
    return click.option("--wrong-email", help=text("subject.wrong_email"))(phone)


def _held(con: Any) -> dict[str, dict[str, int]]:
    """Rows by kind, those that wait, and identifiers by type of the person found."""
    from orchestration.privacy import subjects

    conditions = subjects.reach(con)
    rows, waiting = (subjects.count_rows(con, conditions, schema) for schema in subjects.SCHEMAS)
    return {"rows": rows, "waiting": waiting, "identities": subjects.count_identities(con)}


def _would(told: str, held: dict[str, dict[str, int]], as_json: bool) -> None:
    """What a dry run counted, part by part, in the words of message `told`."""
    counts = {part: sum(found.values()) for part, found in held.items()}
    click.echo(json.dumps(held) if as_json else text(told, **counts))


@click.group(help=text("subject.help"))
def command() -> None:
    """What one person asks of the house."""


@command.command(help=text("subject.find"))
@sought
@staff
@as_json
def find(as_json: bool, **about: Any) -> None:
    """How much the house holds of a person, without showing it."""
    case = desk(about)
    with ticking("subject find"):
        found = case.held()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(text("subject.found", pseudonyms=len(found["pseudonyms"])))
    headings = {
        "identities": "subject.found_identities",
        "rows": "subject.found_rows",
        "waiting": "subject.found_waiting",
    }
    for part, heading in headings.items():
        click.echo(text(heading))
        for name, n in found[part].items():
            click.echo(f"  {name:20} {n}")


def dry_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--dry-run` of everything that changes something."""
    return click.option("--dry-run", is_flag=True, help=text("subject.dry_run"))(command)


@command.command(help=text("subject.register"))
@sought
@staff
@click.option(
    "--action",
    required=True,
    type=click.Choice(("access", "erase", "rectify", "restrict", "object")),
    help=text("subject.action"),
)
@not_theirs
@click.option("--purpose", help=text("subject.purpose"))
@click.option("--lift", "is_lift", is_flag=True, help=text("subject.lift"))
@click.option("--dry-run", is_flag=True, help=text("subject.dry_run_register"))
@as_json
def register(
    action: str, wrong: list[Any], purpose: str | None, is_lift: bool, dry_run: bool, as_json: bool, **about: Any
) -> None:
    """Write a request down, to be answered later by its number: by Dagster's job `subject_request`, say."""
    case = desk(about)
    if dry_run:
        with ticking("subject register"):
            due = case.register(action, f"{action} registered", wrong, purpose, is_lift, dry_run=True).due_at
        told = text("subject.would_register", action=action, due=f"{due:%Y-%m-%d}")
        click.echo(json.dumps({"due_at": due.isoformat()}) if as_json else told)
        return
    with case.home.writing("subject register"), ticking("subject register"):
        request = case.register(action, f"{action} registered", wrong, purpose, is_lift)
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

    case = desk(about)
    if dry_run:
        with ticking("subject export"):
            held = case.would("export", _held)
        _would("subject.would_export", held, as_json)
        return
    with case.home.writing("subject export"), ticking("subject export"):
        request = case.register("access", "export")
        copied = answering.copy(case.home, case.keyring, request, to)
    if as_json:
        click.echo(json.dumps({"request": request.request_id, **asdict(copied), "to": str(to)}, indent=1))
        return
    rows, waiting = sum(copied.rows.values()), sum(copied.waiting.values())
    click.echo(text("subject.exported", request=request.request_id, rows=rows, waiting=waiting, path=to))


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

    case = desk(about)
    if dry_run:
        with ticking("subject erase"):
            held = case.would("erase", _held)
        _would("subject.would_erase", held, as_json)
        return
    if not yes:
        confirm(case.home, "subject erase", text("subject.sure"))
    with case.home.writing("subject erase"), ticking("subject erase"):
        pipeline.load_staged(case.home, case.keyring)
        request = _begun(case, resumed) if resumed else case.register("erase")
        _say(as_json, "subject.erasing", request=request.request_id, due=f"{request.due_at:%Y-%m-%d}")
        receipt, path, failed = answering.erase(
            case.home, case.keyring, request, lambda store: _say(as_json, "subject.step", store=store)
        )
    if as_json:
        click.echo(json.dumps(asdict(receipt) | {"is_complete": receipt.is_complete, "receipt": str(path)}, indent=1))
    else:
        for store, before in receipt.before.items():
            rows = [text("subject.not_built") if n is None else n for n in (before, receipt.after[store])]
            click.echo(text("subject.store", store=store, before=rows[0], after=rows[1]))
        for told in receipt.by_schedule.values():
            click.echo(f"  {translated(told)}")
        click.echo(text("subject.erased", path=path, seconds=sum(receipt.seconds.values())))
    if failed or not receipt.is_complete:
        raise SystemExit(1)


def _begun(case: Any, request_id: str) -> Any:
    """An erasure of the register that did not come to its end."""
    from orchestration import answering

    found = answering.open_request(case.home, case.keyring, request_id, "erase")
    case.log.append("subject erase, resumed", role=case.role, reason=case.reason, request=request_id)
    return found


@command.command(help=text("subject.rectify"))
@sought
@no_staff
@not_theirs
@dry_run
@as_json
def rectify(wrong: list[Any], dry_run: bool, as_json: bool, **about: Any) -> None:
    """Take an identifier away that is not theirs; say which sources must correct the rest."""
    from orchestration import answering
    from orchestration.privacy import resolve

    case = desk(about)
    if dry_run:

        def counted(con: Any) -> dict[str, Any]:
            links = resolve.links(con, case.theirs(con, wrong))
            return {"removed": links, "correct_at_source": answering.to_correct(con).listed}

        with ticking("subject rectify"):
            found = case.would("rectify", counted)
        if as_json:
            click.echo(json.dumps(found, indent=1))
            return
        click.echo(text("subject.would_rectify", rows=found["removed"]))
        _list_records(found["correct_at_source"])
        return
    with case.home.writing("subject rectify"), ticking("subject rectify"):
        request = case.register("rectify", wrong=wrong)
        done = answering.rectify(case.home, case.keyring, request)
    if as_json:
        told = {"request": request.request_id, "removed": done.removed, "correct_at_source": done.listed}
        click.echo(json.dumps(told, indent=1))
        return
    due = f"{request.due_at:%Y-%m-%d}"
    click.echo(text("subject.rectified", request=request.request_id, removed=done.removed, due=due))
    _list_records(done.listed)


def _list_records(records: list[dict[str, str]]) -> None:
    """Records that must be corrected at their sources, a line each."""
    for record in records:
        click.echo(f"  {record['source']}:{record['kind']}:{record['id']}")


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
    from orchestration.privacy import requests, restriction

    case = desk(about)
    if dry_run:

        def counted(con: Any) -> dict[str, dict[str, int]]:
            if purpose:
                requests.check_purpose(con, case.home, purpose, lift)
            rows, waiting = restriction.count(con, case.lake, restriction.changes(con, purpose, lift))
            return {"rows": rows, "waiting": waiting}

        with ticking(f"subject {action}"):
            held = case.would(action, counted)
        _would("subject.would_restrict", held, as_json)
        return
    with case.home.writing(f"subject {action}"), ticking(f"subject {action}"):
        request = case.register(action, f"{action}, lifted" if lift else action, purpose=purpose, is_lift=lift)
        changed = answering.restrict(case.home, case.keyring, request)
    if as_json:
        click.echo(json.dumps({"request": request.request_id, "rows": changed}))
        return
    click.echo(text("subject.lifted" if lift else "subject.restricted", request=request.request_id, rows=changed))


@command.command(help=text("subject.close"))
@click.argument("request")
@click.option(
    "--outcome", required=True, type=click.Choice(("refused", "withdrawn", "corrected")), help=text("subject.outcome")
)
@click.option("--role", required=True, help=text("subject.role"))
@reason("subject.reason")
@click.option("--dry-run", is_flag=True, help=text("subject.dry_run_close"))
@as_json
def close(request: str, outcome: str, role: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """End a request of the register without answering it; why goes into the audit log."""
    from orchestration import answering
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "subject")
    with home.writing("subject close"), ticking("subject close"):
        found = answering.open_request(home, keyring, request)
        answering.close(home, keyring, found, outcome, role, reason, dry_run)
    told = text(
        "subject.would_close" if dry_run else "subject.closed", request=request, action=found.action, outcome=outcome
    )
    facts = {"dry_run": dry_run, "request": request, "action": found.action, "outcome": outcome}
    click.echo(json.dumps(facts) if as_json else told)


@command.command(help=text("subject.requests"))
@click.option("--open", "open_only", is_flag=True, help=text("subject.open_only"))
@as_json
def requests(open_only: bool, as_json: bool) -> None:
    """The register: who asked (by number), what, due when, how it ended."""
    from orchestration.engine import connect
    from orchestration.privacy import requests as register
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.vault import open_vault

    home = Home.existing()
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
            "purpose": r.purpose,
            "is_lift": r.is_lift,
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
        asked = " ".join(str(word) for word in (r["action"], r["purpose"], "--lift" if r["is_lift"] else "") if word)
        click.echo(f"{r['request']}  {asked:25} {str(r['due_at'])[:10]}  {left}")


def _say(as_json: bool, key: str, **values: Any) -> None:
    """Progress, on the error stream where the answer is for a machine."""
    click.echo(text(key, **values), err=as_json)
