"""`voicehouse quarantine`: batches that failed their checks; reasons and counts, never values.

Keep out: what put them there (orchestration.lake).
"""

import sys

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("quarantine.help"))
def command() -> None:
    """Batches that failed their checks: reasons and counts, never values."""


@command.command("list", help=text("quarantine.list"))
@as_json
def list_all(as_json: bool) -> None:
    """Every quarantined batch."""
    from orchestration.lake.quarantine import batches

    found = batches(Home.existing())
    if as_json:
        say_json(found)
        return
    if not found:
        click.echo(text("quarantine.empty"))
    for note in found:
        reasons = ", ".join(
            text("quarantine.reason", check=c["name"], n=c["n_unexpected"], total=c["n_checked"])
            for c in note["failed"]
        )
        click.echo(text("quarantine.line", batch=note["batch"], rows=note["part"]["rows"], reasons=reasons))


@command.command(help=text("quarantine.show"))
@click.argument("batch")
@as_json
def show(batch: str, as_json: bool) -> None:
    """One batch: which checks failed, on how many rows."""
    from orchestration.lake.quarantine import find

    note = find(Home.existing(), batch)
    if as_json:
        say_json(note)
        return
    click.echo(text("quarantine.about", batch=note["batch"], source=note["source"], loaded_at=note["loaded_at"][:19]))
    for check in note["failed"]:
        click.echo(
            "  " + text("quarantine.reason", check=check["name"], n=check["n_unexpected"], total=check["n_checked"])
        )


@command.command(help=text("quarantine.replay"))
@click.argument("batch")
def replay(batch: str) -> None:
    """Check a batch again, after its suite or source was mended, and let it into the lake if it passes."""
    from orchestration import pipeline
    from orchestration.lake import quarantine
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    with home.writing("quarantine replay"), ticking("quarantine replay"):
        passed = quarantine.replay(home, keyring, batch)
        if passed:
            pipeline.let_go(home, keyring)  # what persons said, and what ended, while it waited
    click.echo(text("quarantine.passed" if passed else "quarantine.failed_again"))
    if not passed:
        sys.exit(1)
