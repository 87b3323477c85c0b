"""Asking a person before something that cannot be taken back.

Keep out: what is asked about.
"""

import sys

import click

from orchestration.home import Home
from orchestration.messages import text


def confirm(home: Home, operation: str, question: str) -> None:
    """Ask, once nobody else is found writing; a no ends the command with code 1, Ctrl-C as an interruption does.

    Raises HomeLockedError before it asks.
    """
    with home.writing(operation):
        pass  # whoever writes may go on for long after the answer
    try:
        is_sure = click.confirm(question)
    except click.Abort as error:  # no line was ended; without one who could answer it is a no
        click.echo()
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        is_sure = False
    else:
        if not sys.stdin.isatty():
            click.echo()  # what was typed is not shown, nor the end of its line
    if not is_sure:
        click.echo(text("cli.declined"), err=True)
        raise SystemExit(1)
