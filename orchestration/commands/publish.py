"""`voicehouse publish`: bring what is served to PostgreSQL, or take everything away.

Keep out: making what is served (`voicehouse run`).
"""

import sys

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("publish.help"))
def command() -> None:
    """Bring what is served to PostgreSQL, or take everything away."""


@command.command(help=text("publish.postgres"))
@as_json
def postgres(as_json: bool) -> None:
    """Copy what is served to the PostgreSQL that house.toml names."""
    from orchestration.serving.postgres import PostgresTarget, publish_served

    home = Home.existing()
    target = PostgresTarget.of(home)
    if target is None:
        raise VoicehouseError("house.toml names no schema under [postgres]: there is nowhere to publish to")
    with home.writing("publish postgres"), ticking("publish postgres"):
        rows = publish_served(home, target)
    if as_json:
        say_json({"schema": target.schema, "team_schema": target.team_schema, "rows": rows})
        return
    for table, n in rows.items():
        click.echo(f"{table:32} {n:>10,}")
    click.echo(text("publish.done", schema=target.schema) if rows else text("publish.emptied", schema=target.schema))


@command.command(help=text("publish.withdraw"))
@reason("publish.reason")
@click.option("--yes", is_flag=True, help=text("publish.yes"))
def withdraw(reason: str, yes: bool) -> None:
    """Take away everything that is served, here and on PostgreSQL, until the next good run."""
    from orchestration.serving.publish import withdraw as take_away

    home = Home.existing()
    if not yes:
        click.echo(text("publish.would", folder=str(home.serving)))
        sys.exit(2)
    with home.writing("publish withdraw"), ticking("publish withdraw"):
        removed = take_away(home, reason)
    click.echo(text("publish.withdrawn", removed=", ".join(removed) or "-"))
