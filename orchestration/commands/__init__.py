"""The subcommands of `voicehouse`: one module each, named as the command, with the click command in `command`.

Keep out: work of any step. What a person reads stands in orchestration/messages/, a catalogue per language.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click

from orchestration.home import Home
from orchestration.messages import text


def names() -> list[str]:
    """Every command, as its module is called."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--json` (argument `as_json`), for every command that only reads."""
    return click.option("--json", "as_json", is_flag=True, help=text("cli.json"))(command)


def say_json(found: Any) -> None:
    """What a command found, for machines."""
    click.echo(json.dumps(found, indent=1, ensure_ascii=False, default=str))


def named(home: Home, sentence: str, stream: TextIO) -> str:
    """A sentence with the real names of files where a person reads it on a terminal.

    What goes to a file or to a journal keeps their keyed ids.
    """
    if not stream.isatty():
        return sentence
    from orchestration import pipeline
    from orchestration.landing.names import with_names
    from orchestration.privacy.keys import Keyring

    return with_names(home, Keyring(home), pipeline.sources(home).values(), sentence)
