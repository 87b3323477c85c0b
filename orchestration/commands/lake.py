"""`voicehouse lake`: looking after the lake's files.

Keep out: how files are rewritten (orchestration.lake.rewrite).
"""

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("lake.help"))
def command() -> None:
    """Looking after the lake's files."""


@command.command(help=text("lake.compact"))
@click.option("--dry-run", is_flag=True, help=text("lake.dry_run"))
@as_json
def compact(dry_run: bool, as_json: bool) -> None:
    """Pack many small files of a kind and source into few; no row is lost or changed, no figure either."""
    from orchestration.engine import connect
    from orchestration.lake import rewrite
    from orchestration.lake.store import LAKE_KEY, Lake
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    with home.writing("lake compact"), ticking("lake compact"):
        keyring = Keyring(home)
        lake = Lake(home, keyring.base64(LAKE_KEY))
        if dry_run:
            n = rewrite.compactable(lake)
            say_json({"dry_run": True, "files": n}) if as_json else click.echo(text("lake.would", n=n))
            return
        con = connect(home.temp)
        try:
            done = rewrite.compact(con, lake)
        finally:
            con.close()
        if done.commit:
            AuditLog(home, keyring).append(
                "compaction", commit=done.commit, files_before=done.files_before, files_after=done.files_after
            )
    if as_json:
        facts = {"commit": done.commit, "files_before": done.files_before, "files_after": done.files_after}
        say_json({"dry_run": False, **facts})
    elif done.commit:
        click.echo(text("lake.compacted", before=done.files_before, after=done.files_after))
    else:
        click.echo(text("lake.nothing"))
