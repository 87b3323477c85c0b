"""The subcommands of `voicehouse`: one module each, named as the command, with the click command in `command`.

Keep out: work of any step. What a person reads stands in orchestration/messages/, a catalogue per language.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from orchestration.errors import KeyMissingError
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


def named(home: Home, sentences: Sequence[str], stream: TextIO) -> list[str]:
    """Sentences with the real names of files where a person reads them on a terminal.

    What goes to a file or to a journal keeps their keyed ids, and so does what is told while the master key is missing.
    """
    from orchestration import pipeline
    from orchestration.landing.names import ID, with_names
    from orchestration.privacy.keys import Keyring

    if not stream.isatty() or not any(ID.search(sentence) for sentence in sentences):
        return list(sentences)
    try:
        keyring = Keyring(home)
    except KeyMissingError:
        return list(sentences)
    return with_names(home, keyring, pipeline.sources(home).values(), sentences)
