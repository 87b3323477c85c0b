"""`voicehouse alerts`: what there is to tell, and whether the channels work.

Keep out: channels themselves (orchestration.alerts).
"""

import sys

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text, translated


@click.group(help=text("alerts.help"))
def command() -> None:
    """What deserves attention, and telling it."""


@command.command("list", help=text("alerts.list"))
@as_json
def list_all(as_json: bool) -> None:
    """What is due now."""
    from orchestration import alerts

    home = Home.existing()
    with ticking("alerts list"):
        found, state = alerts.due(home), alerts.told(home)
    if as_json:
        rows = [{"kind": a.kind, "key": a.key, "text": a.told, "told_at": state["told"].get(a.key, {})} for a in found]
        say_json({"alerts": rows, "problem": state["problem"]})
        return
    for a in found:
        at = state["told"].get(a.key, {})
        listed = ", ".join(f"{name} {when[:19]}" for name, when in sorted(at.items()))
        click.echo(f"{a.told}  ({listed or text('alerts.not_told')})")
    if not found:
        click.echo(text("alerts.none"))
    if state["problem"]:
        click.echo(text("alerts.problem", problem=translated(state["problem"])))


@command.command(help=text("alerts.test"))
def test() -> None:
    """Send a message to every channel that is turned on."""
    from orchestration import alerts

    home = Home.existing()
    channels = alerts.Channels.of(home)
    if not channels.names:
        click.echo(text("alerts.off"))
        sys.exit(1)
    with ticking("alerts test"):
        tried = [alerts.deliver(channels, name, [text("alerts.trial")]) for name in channels.names]
    problem = "; ".join(problem for problem in tried if problem)
    click.echo(text("alerts.problem", problem=translated(problem)) if problem else text("alerts.sent"))
    sys.exit(1 if problem else 0)


@command.command(help=text("alerts.send"))
def send() -> None:
    """Tell what is due and was not told yet; for a timer beside the runs."""
    from orchestration import alerts

    home = Home.existing()
    with ticking("alerts send"):
        found = alerts.send(home)
    for a in found:
        click.echo(a.told)
    problem = alerts.told(home)["problem"]
    if problem:
        click.echo(text("alerts.problem", problem=translated(problem)), err=True)
        sys.exit(1)
