"""`voicehouse backup`: the home into one sealed file.

Keep out: how it is sealed (orchestration.backup).
"""

from pathlib import Path

import click

from orchestration.commands import _progress, _secret
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("backup.help"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key-file", type=click.Path(path_type=Path), help=text("backup.key_file"))
@click.option("--role", default="engineer", show_default=True, help=text("backup.role"))
def command(file: Path, key_file: Path | None, role: str) -> None:
    """Write this home into a sealed file."""
    from orchestration import backup
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    roles.require(home, Keyring(home), role, "backup")
    secret = _secret.ask(key_file, confirm=True)
    with _progress.bar(text("backup.writing")) as progress:
        done = backup.write(home, file, secret, progress)
    click.echo(text("backup.done", file=file.resolve(), files=done.files, size=f"{done.size / 1e6:.1f}"))
    click.echo(text("backup.keep"))
