"""`voicehouse answer`: what a job found, out of its seal and into a file for one reader.

Keep out: who may read what (orchestration.answering).
"""

from pathlib import Path

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("answer.help"))
@click.argument("number")
@click.option("--to", required=True, type=click.Path(path_type=Path, dir_okay=False), help=text("answer.to"))
@click.option("--role", required=True, help=text("answer.role"))
@reason("answer.reason")
@as_json
def command(number: str, to: Path, role: str, reason: str, as_json: bool) -> None:
    """Write a sealed answer to a file, after the audit line is on the disk."""
    from orchestration import answering
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "answer")
    with ticking("answer"):
        operation = answering.fetch(home, keyring, number, role, reason, to)
    if as_json:
        say_json({"number": number, "operation": operation, "to": str(to)})
        return
    click.echo(text("answer.written", operation=operation, path=to))
