"""`voicehouse vault`: starting a new vault where the old is lost.

Keep out: what a vault holds (orchestration.privacy.vault).
"""

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._confirm import confirm
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("vault.help"))
def command() -> None:
    """Starting a new vault where the old is lost."""


@command.command(help=text("vault.reinit"))
@click.option("--role", required=True, help=text("vault.role"))
@click.option("--yes", is_flag=True, help=text("vault.yes"))
@click.option("--dry-run", is_flag=True, help=text("vault.dry_run"))
@as_json
def reinit(role: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Start a new epoch: history stays, its persons are nobody the new vault knows."""
    from orchestration.privacy import roles, vault
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "vault reinit")
    if dry_run:
        generation = vault.next_epoch(home)
        told = text("vault.would", generation=generation)
        say_json({"dry_run": True, "generation": generation}) if as_json else click.echo(told)
        return
    if not yes:
        confirm(home, "vault reinit", text("vault.sure"))
    with home.writing("vault reinit"), ticking("vault reinit"):
        generation = vault.reinit(home, keyring)
    told = text("vault.done", generation=generation)
    say_json({"dry_run": False, "generation": generation}) if as_json else click.echo(told)
