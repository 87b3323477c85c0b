"""`voicehouse worklist`: where the open cases of one handler lie at their sources; no name leaves the vault.

Keep out: the way back itself (orchestration.privacy.reidentification).
"""

import json
from dataclasses import asdict

import click

from orchestration.commands import as_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("worklist.help"))
@click.option("--agent", required=True, help=text("worklist.agent"))
@click.option("--role", required=True, help=text("worklist.role"))
@reason("worklist.reason")
@click.option("--most", default=100, show_default=True, help=text("worklist.most"))
@as_json
def command(agent: str, role: str, reason: str, most: int, as_json: bool) -> None:
    """Where the open cases of one handler lie at their sources."""
    from orchestration.privacy import reidentification, roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "worklist")
    with ticking("worklist"):
        found = reidentification.places(home, keyring, most, {"role": role, "reason": reason}, agent=agent)
    if as_json:
        click.echo(json.dumps([asdict(i) for i in found], indent=1))
        return
    for item in found:
        click.echo(f"{item.source:16} {item.record_id:24} {item.link or ''}")
    click.echo(text("worklist.total", n=len(found)))
