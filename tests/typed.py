"""Whether the command line takes a command as a page or a message shows it.

Keep out: which commands are shown where.
"""

import re
import shlex

import click

from orchestration.cli import main

# What a reader puts something of their own in place of: <name>, {name} of a message, … and $NAME.
PLACES = r"<[a-z-]+>|\{\w*\}|…|\$[A-Z]+"


def refusal(typed: str) -> str | None:
    """Why the command would not run: an unknown command or option, a value that is none, something it lacks.

    None where it would. Places are filled with made-up values; nothing runs.
    """
    filled = re.sub(PLACES, "1", typed.replace("{role}", "compliance"))
    words = shlex.split(filled, comments=True)[1:]
    command, context = main, None
    try:
        while True:
            context = command.make_context(command.name or "", list(words), parent=context)
            if not isinstance(command, click.Group):
                return None
            at = next((n for n, word in enumerate(words) if command.get_command(context, word)), None)
            if at is None:
                return f"no command: {typed}"
            found = command.get_command(context, words[at])
            assert found
            command, words = found, words[at + 1 :]
    except click.ClickException as error:
        return error.format_message()


def is_mere_name(typed: str) -> bool:
    """Whether nothing but names of commands stands there: it speaks of the command and does not say what to type."""
    return re.fullmatch(r"voicehouse( [a-z]+(-[a-z]+)*)+", typed) is not None
