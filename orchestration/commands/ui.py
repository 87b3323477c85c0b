"""`voicehouse ui`: Dagster on this machine.

Keep out: the graph it shows (orchestration.defs).
"""

import os
import signal
import sys
from pathlib import Path

import click

import orchestration
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("ui.help"))
@click.option("--port", default=3000, show_default=True, help=text("ui.port"))
def command(port: int) -> None:
    """Open Dagster on 127.0.0.1: graph, runs, schedule, sensor, checks."""
    from orchestration import modelling
    from orchestration.running import dagster_home, keys_made

    root = Path(orchestration.__file__).parents[1]
    home = Home.open()
    folder = dagster_home(home)
    keys_made(home, click.echo)
    click.echo(text("run.preparing"))
    with ticking("ui"):  # before Dagster starts: each of its processes loads the graph, and waits for only so long
        modelling.manifest(home)
    click.echo(text("ui.open", port=port, folder=folder))
    arguments = ["dev", "--workspace", str(root / "workspace.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    click.get_current_context().find_root().close()  # another program takes the place of this one
    os.chdir(root)
    # Dagster stops its servers by interrupts, which a shell tells what it runs in the background to ignore.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(str(Path(sys.executable).parent / "dagster"), ["dagster", *arguments])
