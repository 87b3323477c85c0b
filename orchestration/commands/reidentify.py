"""`voicehouse reidentify`: who is behind a pseudonym, for the exceptions; and the second person's approval for many.

Keep out: the rule (orchestration.privacy.reidentification).
"""

import json

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("reidentify.help"))
def command() -> None:
    """Who is behind a pseudonym, for the exceptions."""


@command.command(help=text("reidentify.show"))
@click.argument("pseudonyms", nargs=-1, required=True)
@click.option("--role", required=True, help=text("reidentify.role"))
@reason("reidentify.reason")
@click.option("--ticket", required=True, help=text("reidentify.ticket"))
@click.option("--approval", help=text("reidentify.approval"))
@as_json
def show(pseudonyms: tuple[str, ...], role: str, reason: str, ticket: str, approval: str | None, as_json: bool) -> None:
    """Identities behind pseudonyms, after the audit lines are on the disk."""
    from orchestration.privacy import reidentification, roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "reidentify")
    by = reidentification.Asking(role, reason, ticket, (approval,) if approval else ())
    with ticking("reidentify show"):
        found = reidentification.show(home, keyring, list(pseudonyms), by)
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for pseudonym, identities in found.items():
        click.echo(pseudonym)
        for identity in identities:
            click.echo(f"  {identity['type']:8} {identity['value']}")
        if not identities:
            click.echo(f"  {text('reidentify.unknown')}")


@command.command(help=text("reidentify.approve"))
@click.option("--persons", required=True, type=click.IntRange(min=1), help=text("reidentify.persons"))
@click.option("--role", required=True, help=text("reidentify.role"))
@click.option("--ticket", required=True, help=text("reidentify.ticket"))
@click.option("--dry-run", is_flag=True, help=text("reidentify.dry_run"))
@as_json
def approve(persons: int, role: str, ticket: str, dry_run: bool, as_json: bool) -> None:
    """Allow another person to ask for many at once."""
    from orchestration.privacy import reidentification, roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "reidentify")
    if dry_run:
        told = text("reidentify.would", persons=persons, hours=reidentification.APPROVAL_HOURS)
        say_json({"dry_run": True, "persons": persons}) if as_json else click.echo(told)
        return
    number = reidentification.approve(home, keyring, persons, ticket)
    told = text("reidentify.approved", number=number, persons=persons)
    say_json({"dry_run": False, "persons": persons, "approval": number}) if as_json else click.echo(told)
