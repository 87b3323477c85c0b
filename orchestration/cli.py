"""The `voicehouse` command: finds its commands in orchestration/commands/, ends every fault in a sentence and a code.

Keep out: commands themselves (a file each) and work of any step.
"""

import errno
import os
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from orchestration import commands, logs
from orchestration.errors import UsedWronglyError, VoicehouseError
from orchestration.logs import Step
from orchestration.messages import of_click, text, translated

INTERRUPTED = 130
PACKAGE = Path(__file__).parent

# click asks gettext for its words, which reads compiled files alone and knows nothing of VOICEHOUSE_LANG.
for part in (click.core, click.decorators, click.exceptions, click.formatting, click.parser, click.termui, click.types):
    vars(part).update(_=of_click, ngettext=lambda one, many, n: of_click(one if n == 1 else many))


class Commands(click.Group):
    """One command per module of orchestration/commands/, under the module's name; loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return commands.names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in commands.names():
            return None
        found: click.Command = import_module(f"{commands.__name__}.{cmd_name}").command
        _tell_codes(found)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Every fault ends in a sentence and an exit code, not in a traceback.

        A foreign one is told without its text.
        """
        try:
            with Step("command", run="", ours=(click.ClickException, click.exceptions.Exit, click.Abort)):
                try:
                    return super().invoke(ctx)
                except OSError as error:
                    _told_of_place(error)
                    raise
        except VoicehouseError as error:
            click.echo(f"voicehouse: {translated(str(error))}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(f"voicehouse: {text('cli.interrupted')}", err=True)
            ctx.exit(INTERRUPTED)


def _tell_codes(command: click.Command) -> None:
    """Let the help of a command, and of those below it, end in what its exit codes mean."""
    command.epilog = text("cli.exit_codes")
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _tell_codes(below)


def _told_of_place(error: OSError) -> None:
    """Raises UsedWronglyError for a place that a person named and that cannot be; one of ours missing is a fault.

    VoicehouseError for what is closed inside a home that this user may enter.
    """
    if not error.filename:
        return
    place = Path(os.fsdecode(error.filename)).absolute()
    ways = [place, *place.parents]
    home = Path(os.environ.get("VOICEHOUSE_HOME", ""))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        if home in place.parents and os.access(home, os.X_OK):
            raise VoicehouseError(
                f"{place} of the home may not be read or written by this user: give it back to who runs voicehouse "
                "(chmod, chown), or run as that user"
            ) from None
        raise UsedWronglyError(
            f"{place} may not be read or written by this user: name another, or change its permissions"
        ) from None
    if home in place.parents or PACKAGE in place.parents:
        return
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        for file in (way for way in ways if way.is_file()):
            raise UsedWronglyError(f"{file} is no folder: name another") from None
    if error.errno == errno.ENOENT:
        missing = [way for way in ways if not way.exists()]
        raise UsedWronglyError(f"{missing[-1] if missing else place} is not there: name another") from None


@click.command(
    cls=Commands,
    help=text("cli.help"),
    epilog=text("cli.exit_codes"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.option("--home", type=click.Path(path_type=Path), help=text("cli.home"))
def main(home: Path | None) -> None:
    """Absolute paths, because steps start processes elsewhere; the home itself is made by the command that needs it."""
    logs.configure()
    os.umask(0o077)  # what is for readers is opened to them by name
    root = Path(home or os.environ.get("VOICEHOUSE_HOME") or ".voicehouse").resolve()
    os.environ["VOICEHOUSE_HOME"] = str(root)
    master = root / "keys" / "master.key"
    if not master.exists():  # whatever makes it, and however that ends, its last word is what losing it means
        click.get_current_context().call_on_close(partial(_told, master))


def _told(master: Path) -> None:
    if master.exists():
        click.echo("\n" + text("cli.keep_keys", folder=master.parent), err=True)


if __name__ == "__main__":
    sys.exit(main())
