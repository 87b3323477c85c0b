"""`voicehouse status`: what waits, what is quarantined, how the last runs ended, what is served since when.

Keep out: looking after any of it.
"""

import json
from typing import Any

import click

from orchestration.commands import as_json, say_json
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("status.help"))
@as_json
def command(as_json: bool) -> None:
    """What waits, what is quarantined, how the last runs ended, what is served since when."""
    from orchestration import pipeline
    from orchestration.lake import promote, stage
    from orchestration.landing import pages

    home = Home.open()
    served = home.root / "ops" / "served.json"
    found: dict[str, Any] = {
        "home": str(home.root),
        "waiting_loads": [
            load.load_id
            for name in pipeline.sources(home)
            for load in pages.loads(home, name)
            if not promote.is_committed(home, load.load_id)
        ],
        "staged_loads": [m.load_id for m in stage.staged(home)],
        "quarantined_batches": len(list(home.folder("quarantine").glob("*/*.json"))),
        "last_runs": pipeline.run_history(home)[-5:],
        "served": json.loads(served.read_text()) if served.exists() else None,
    }
    if as_json:
        say_json(found)
        return
    click.echo(f"home        {found['home']}")
    click.echo(f"waiting     {len(found['waiting_loads'])} loads, {len(found['staged_loads'])} staged")
    click.echo(f"quarantine  {found['quarantined_batches']} batches")
    click.echo(f"served      {found['served']['served_at'] if found['served'] else 'nothing yet'}")
    for line in found["last_runs"]:
        failed = f"  without {', '.join(line['failed_sources'])}" if line["failed_sources"] else ""
        click.echo(f"run         {line['run_id'][:8]}  {line['started_at'][:19]}  {line['status']}{failed}")
