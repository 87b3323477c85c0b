"""`voicehouse init`: a home's settings, its policy, its keys.

Keep out: what settings mean (orchestration.home).
"""

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from orchestration.home import Home, House
from orchestration.messages import text
from orchestration.running import keys_made


@click.command(help=text("init.help"))
@click.option("--sources", multiple=True, type=click.Path(path_type=Path), help=text("init.sources"))
@click.option("--inbox", help=text("init.inbox"))
@click.option(
    "--profile",
    type=click.Choice(["internal", "external", "open_data"]),
    default="internal",
    show_default=True,
    help=text("init.profile"),
)
@click.option("--reporting-tz", default="UTC", show_default=True, help=text("init.reporting_tz"))
def command(sources: tuple[Path, ...], inbox: str | None, profile: str, reporting_tz: str) -> None:
    """Make a home: its settings, its policy, its keys."""
    try:
        ZoneInfo(reporting_tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(text("init.no_zone", zone=reporting_tz), param_hint="--reporting-tz") from None
    for folder in sources:
        if not folder.is_dir():
            raise click.BadParameter(text("init.no_folder", folder=folder), param_hint="--sources")
    home = Home.open()
    folders = tuple(str(s.resolve()) for s in sources)
    home.furnish(House(folders, inbox, reporting_tz, profile, home.house.alerts), anew=True)
    keys_made(home, click.echo)
    click.echo(text("init.done", home=home.root))
