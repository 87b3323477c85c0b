"""`voicehouse sources`: what this home reads.

Keep out: reading them (orchestration.sources).
"""

import json

import click

from orchestration.commands import as_json
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("sources.help"))
def command() -> None:
    """Sources: what this home reads."""


@command.command("list", help=text("sources.list"))
@as_json
def list_all(as_json: bool) -> None:
    """Every source found, active or not, with the kinds it feeds."""
    from orchestration.sources.registry import discover

    found = discover(Home.open(), active_only=False).values()
    if as_json:
        rows = [{"name": s.name, "active": s.is_active, "kinds": s.kinds, "purposes": s.purposes} for s in found]
        click.echo(json.dumps(rows, indent=1))
        return
    for s in found:
        state = text("sources.active" if s.is_active else "sources.off")
        click.echo(f"{s.name:20} {state:7} {', '.join(s.kinds)}")
