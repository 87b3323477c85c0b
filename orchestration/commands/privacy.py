"""`voicehouse privacy`: the privacy report, its sign-off, assessment material, incidents, and the proof by canaries.

Keep out: what the report says (orchestration.serving.privacy_report) and requests of persons (`voicehouse subject`).
"""

import json
from dataclasses import asdict
from typing import Any

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.home import Home
from orchestration.messages import text
from orchestration.privacy.roles import ROLES


@click.group(help=text("privacy.help"))
def command() -> None:
    """The privacy report and its sign-off."""


@command.command(help=text("privacy.report"))
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def report(dry_run: bool, as_json: bool) -> None:
    """Write the report of what is published, or waits for its sign-off, anew."""
    from orchestration import pipeline
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    with home.writing("privacy report"), ticking("privacy report"):
        done = pipeline.report_privacy(home, Keyring(home), dry_run)
    if dry_run:
        told = text(
            "privacy.would_write" if done.is_new else "privacy.would_keep", report=done.path.stem, sha256=done.sha256
        )
        facts = {"dry_run": True, "report": done.path.stem, "sha256": done.sha256, "new": done.is_new}
        say_json(facts) if as_json else click.echo(told)
        return
    if as_json:
        say_json(json.loads(done.path.read_text()))
        return
    click.echo(text("privacy.written", path=str(done.path.with_suffix(".html")), sha256=done.sha256))


@command.command(help=text("privacy.canary"))
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def canary(dry_run: bool, as_json: bool) -> None:
    """Send made-up persons through every step and look for them in every artefact; evidence of check C6."""
    from orchestration import canary as canaries

    home = Home.existing()
    if dry_run:
        persons = len(canaries.hatch())
        told = text("privacy.canary_would", persons=persons)
        say_json({"dry_run": True, "persons": persons}) if as_json else click.echo(told)
        return
    with home.writing("privacy canary"), ticking("privacy canary"):
        found = canaries.prove(home, lambda step: click.echo(text("privacy.canary_step", step=step), err=True))
    if as_json:
        say_json(asdict(found))
    else:
        for name in found.found:
            click.echo(text("privacy.canary_found", name=name))
        key = "privacy.canary_missed" if found.found else "privacy.canary_clean"
        click.echo(text(key, files=found.files, columns=found.columns))
    if found.found:
        raise SystemExit(1)


@command.command("sign-off", help=text("privacy.sign_off"))
@click.option("--name", required=True, help=text("privacy.name"))
@click.option("--role", required=True, type=click.Choice(ROLES), help=text("privacy.role"))
@click.option("--remark", default="", help=text("privacy.remark"))
@click.option("--sha256", help=text("privacy.seen"))
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def sign(name: str, role: str, remark: str, sha256: str | None, dry_run: bool, as_json: bool) -> None:
    """Sign the newest report; what waits for it is served."""
    from orchestration import pipeline
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.publish import waiting

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "privacy sign-off")
    if dry_run:
        path, found = pipeline.to_sign(home, sha256)
        serves = waiting(home).exists()
        told = text("privacy.would_serve" if serves else "privacy.would_sign", report=path.stem, sha256=found)
        facts = {"dry_run": True, "report": path.stem, "sha256": found, "serves": serves}
        say_json(facts) if as_json else click.echo(told)
        return
    with home.writing("privacy sign-off"), ticking("privacy sign-off"):
        report, line, served = pipeline.sign(home, keyring, name, remark, sha256)
    if as_json:
        say_json({"dry_run": False, "report": report, "audit_line": line, "serves": served})
        return
    click.echo(text("privacy.signed", report=report, line=line))
    if served:
        click.echo(text("privacy.served"))


@command.command(help=text("privacy.dpia"))
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def dpia(dry_run: bool, as_json: bool) -> None:
    """Write the record of processing and the material for an impact assessment."""
    from orchestration import pipeline
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.dpia import material, write_dpia

    home = Home.existing()
    with home.writing("privacy dpia"), ticking("privacy dpia"):
        if dry_run:
            found = material(home, Keyring(home), pipeline.whole_sources(home))
            told = text("privacy.would_assess", sources=len(found["record"]["sources"]), lacking=len(found["lacking"]))
            say_json(found) if as_json else click.echo(told)
            return
        done = write_dpia(home, Keyring(home), pipeline.whole_sources(home))
    if as_json:
        say_json(json.loads(done.path.read_text()))
        return
    click.echo(text("privacy.written", path=str(done.path.with_suffix(".html")), sha256=done.sha256))


@command.group(help=text("incident.help"))
def incident() -> None:
    """Incidents: what happened, whom it touches, until when it is to be told, how it ended."""


def role(command: Any) -> Any:
    """The option `--role` of every step of an incident."""
    return click.option("--role", required=True, type=click.Choice(ROLES), help=text("incident.role"))(command)


@incident.command("open", help=text("incident.open"))
@reason("incident.reason")
@click.option("--ticket", required=True, help=text("incident.ticket"))
@click.option("--noticed-at", help=text("incident.noticed_at"))
@role
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def open_incident(reason: str, ticket: str, noticed_at: str | None, role: str, dry_run: bool, as_json: bool) -> None:
    """Write an incident down; from when it was noticed, its term runs."""
    from orchestration import pipeline
    from orchestration.privacy import incidents

    home, keyring = _as(role, "incident")
    facts = {"reason": reason, "ticket": ticket}
    facts["noticed_at"] = incidents.moment(pipeline.instant(noticed_at, "--noticed-at"))
    if dry_run:
        found = incidents.draft(**facts)
    else:
        with home.writing("privacy incident"), ticking("privacy incident"):
            found = incidents.begin(home, keyring, "opened", **facts)
    if as_json:
        say_json(found.as_row())
        return
    told = text(
        "incident.would_open" if dry_run else "incident.opened",
        number=found.number,
        due=found.due_at[:16],
        role=role,
    )
    click.echo(told)


@incident.command(help=text("incident.scope"))
@click.argument("number")
@click.option("--since", help=text("incident.since"))
@click.option("--until", help=text("incident.until"))
@click.option("--source", "sources", multiple=True, help=text("incident.source"))
@click.option("--kind", "kinds", multiple=True, help=text("incident.kind"))
@click.option("--load", "loads", multiple=True, help=text("incident.load"))
@click.option("--store", "stores", multiple=True, help=text("incident.store"))
@role
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def scope(
    number: str,
    since: str | None,
    until: str | None,
    sources: tuple[str, ...],
    kinds: tuple[str, ...],
    loads: tuple[str, ...],
    stores: tuple[str, ...],
    role: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Count what an incident touches."""
    from orchestration import pipeline
    from orchestration.privacy import incidents
    from orchestration.privacy.reached import STORES
    from orchestration.records import KINDS

    home, keyring = _as(role, "incident")
    if unknown := [k for k in kinds if k not in KINDS]:
        raise click.UsageError(text("incident.no_kind", kinds=", ".join(unknown)))
    if unknown := [s for s in stores if s not in STORES]:
        raise click.UsageError(text("incident.no_store", stores=", ".join(unknown), known=", ".join(STORES)))
    begin, end = pipeline.instant(since, "--since"), pipeline.instant(until, "--until")
    with home.writing("privacy incident"), ticking("privacy incident"):
        about = incidents.find(home, number)
        found = incidents.scope(home, keyring, begin, end, sources, kinds, loads, stores)
        if not dry_run:
            incidents.keep_scope(home, keyring, about, found)
    if as_json:
        say_json({**found, "terms": about.terms(found)})
        return
    rows = sum(r["n"] for r in found["rows"])
    click.echo(
        text("incident.touched", persons=found["persons"], rows=rows, minors=found["minors"], staff=found["staff"])
    )
    for term in about.terms(found):
        click.echo(
            text(
                "incident.term",
                law=term["law"],
                persons=term["persons"],
                due=term["due_at"][:16],
                ground=term["ground"],
            )
        )
    for held in found["reached"]["stores"]:
        click.echo(text("incident.held", store=held["store"], persons=held["persons"], rows=held["rows"]))
    for row in found["rows"]:
        click.echo(f"  {row['source']:20} {row['kind']:20} {row['n']}")
    for given in found["exports"]:
        click.echo(text("incident.left", recipient=given["recipient"], dataset=given["dataset"], rows=given["rows"]))


@incident.command("export", help=text("incident.export"))
@click.argument("number")
@role
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def export_incident(number: str, role: str, dry_run: bool, as_json: bool) -> None:
    """Write what an authority and the persons concerned are told."""
    from orchestration.privacy import incidents
    from orchestration.serving.notification import material, write_notification

    home, keyring = _as(role, "incident export")
    with home.writing("privacy incident"), ticking("privacy incident"):
        about = incidents.find(home, number)
        if dry_run:
            found = material(home, keyring, about)
            told = text("incident.would_export", number=number, blanks=len(found["blanks"]), due=about.due_at[:16])
            say_json(found) if as_json else click.echo(told)
            return
        done = write_notification(home, keyring, about)
        incidents.keep_export(home, keyring, about, done.path.name, done.sha256)
    if as_json:
        say_json(json.loads(done.path.read_text()))
        return
    click.echo(text("privacy.written", path=str(done.path.with_suffix(".html")), sha256=done.sha256))


@incident.command("list", help=text("incident.list"))
@click.option("--open", "open_only", is_flag=True, help=text("incident.open_only"))
@as_json
def list_incidents(open_only: bool, as_json: bool) -> None:
    """The register, with the hours left."""
    from orchestration.privacy import incidents

    rows = [i.as_row() for i in incidents.listed(Home.existing(), open_only)]
    if as_json:
        say_json(rows)
        return
    if not rows:
        click.echo(text("incident.none"))
    for r in rows:
        left = r["outcome"] or text("status.hours_left", n=f"{r['hours_left']:g}")
        click.echo(f"{r['incident']}  {r['what']:9} {r['noticed_at'][:16]}  {left}  {r['told']}")


@incident.command("close", help=text("incident.close"))
@click.argument("number")
@click.option("--outcome", required=True, help=text("incident.outcome"))
@role
@click.option("--dry-run", is_flag=True, help=text("privacy.dry_run"))
@as_json
def close_incident(number: str, outcome: str, role: str, dry_run: bool, as_json: bool) -> None:
    """End an incident; what happened, what came of it and what was done stay on file."""
    from orchestration.privacy import incidents

    home, keyring = _as(role, "incident close")
    with home.writing("privacy incident"), ticking("privacy incident"):
        about = incidents.find(home, number)
        if not dry_run:
            incidents.close(home, keyring, about, outcome)
    told = text("incident.would_close" if dry_run else "incident.closed", number=number)
    say_json({"dry_run": dry_run, "incident": number, "outcome": outcome}) if as_json else click.echo(told)


def _as(role: str, operation: str) -> tuple[Home, Any]:
    """The home and its keys, for a role that may."""
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, operation)
    return home, keyring
