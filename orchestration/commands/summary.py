"""`voicehouse summary`: what is served now, in a screenful.

Keep out: how figures are chosen (orchestration.serving.report).
"""

import click

from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("summary.help"))
def command() -> None:
    """Print the ledger, headline KPIs and privacy checks of what is served now."""
    from orchestration.running import summary

    summary(Home.open(), click.echo)
