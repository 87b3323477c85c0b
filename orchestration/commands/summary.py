"""`voicehouse summary`: what is served now, in a screenful.

Keep out: how figures are chosen (orchestration.serving.report).
"""

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("summary.help"))
@as_json
def command(as_json: bool) -> None:
    """Print the ledger, headline KPIs and privacy checks of what is served now."""
    from orchestration.running import summary, summary_facts

    home = Home.existing()
    with ticking("summary"):
        say_json(summary_facts(home)) if as_json else summary(home, click.echo)
