"""`voicehouse init`: a home's settings, its policy, its keys.

Keep out: what settings mean (orchestration.home).
"""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from orchestration.home import Home
from orchestration.messages import text
from orchestration.running import keys_made


@click.command(help=text("init.help"))
@click.option("--sources", multiple=True, type=click.Path(path_type=Path), help=text("init.sources"))
@click.option("--inbox", help=text("init.inbox"))
@click.option("--profile", type=click.Choice(["internal", "external", "open_data"]), help=text("init.profile"))
@click.option("--reporting-tz", help=text("init.reporting_tz"))
def command(sources: tuple[Path, ...], inbox: str | None, profile: str | None, reporting_tz: str | None) -> None:
    """Make a home, or change of its settings those that are given: all others stay as they are."""
    try:
        ZoneInfo(reporting_tz or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(text("init.no_zone", zone=reporting_tz), param_hint="--reporting-tz") from None
    for folder in sources:
        if not folder.is_dir():
            raise click.BadParameter(text("init.no_folder", folder=folder), param_hint="--sources")
    home = Home.open()
    is_new = not (home.root / "house.toml").exists()
    before = home.told
    wanted = replace(
        before,
        sources=tuple(str(s.resolve()) for s in sources) or before.sources,
        inbox=before.inbox if inbox is None else inbox,
        profile=profile or before.profile,
        reporting_tz=reporting_tz or before.reporting_tz,
    )
    if is_new or wanted != before:
        home.furnish(wanted, anew=True)
    keys_made(home, click.echo)
    click.echo(text("init.done" if is_new or wanted != before else "init.unchanged", home=home.root))
