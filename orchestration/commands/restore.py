"""`voicehouse restore`: a home from a sealed file.

Keep out: how it is opened (orchestration.backup).
"""

import os
from pathlib import Path

import click

from orchestration.commands import _progress, _secret
from orchestration.messages import text


@click.command(help=text("restore.help"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key-file", type=click.Path(path_type=Path), help=text("backup.key_file"))
@click.option("--erased", type=click.Path(path_type=Path, exists=True, file_okay=False), help=text("restore.erased"))
@click.option("--without-erased", is_flag=True, help=text("restore.without_erased"))
@click.option("--role", default="engineer", show_default=True, help=text("restore.role"))
def command(file: Path, key_file: Path | None, erased: Path | None, without_erased: bool, role: str) -> None:
    """Make the home from a sealed file; writes over nothing."""
    from orchestration import backup
    from orchestration.errors import UsedWronglyError

    if bool(erased) == without_erased:  # no backup can tell who was erased after it
        raise UsedWronglyError(
            "say who was forgotten since: --erased FOLDER with the home's last erased/ folder, or --without-erased: "
            "whoever was erased, took a consent back, restricted or objected after the backup is then back in it"
        )
    root = Path(os.environ["VOICEHOUSE_HOME"])
    secret = _secret.ask(key_file, confirm=False)
    with _progress.bar(text("restore.reading")) as progress:
        done = backup.restore(file, root, secret, progress, erased, role)
    click.echo(text("restore.done", home=root, made_at=done.made_at[:19], files=done.files))
    if erased:
        click.echo(text("restore.erasures", n=done.erasures, rows=done.withdrawals, struck=done.restrictions))
        if done.unplaced:
            click.echo(text("restore.unplaced", n=len(done.unplaced), requests=", ".join(done.unplaced)))
    else:
        click.echo(text("restore.no_erasures"))
