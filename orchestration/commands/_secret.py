"""Asking for what seals a backup: a key file, else a passphrase from the environment, else from the terminal.

Keep out: sealing (orchestration.backup).
"""

import os
from pathlib import Path

import click

from orchestration import backup
from orchestration.messages import text

VARIABLE = "VOICEHOUSE_BACKUP_PASSPHRASE"


def ask(key_file: Path | None, confirm: bool) -> backup.Secret:
    """The secret; a passphrase never stands in an argument, where other processes could read it."""
    if key_file:
        return backup.key_file(key_file)
    given = os.environ.get(VARIABLE)
    if given is None:
        given = click.prompt(text("backup.passphrase"), hide_input=True, confirmation_prompt=confirm, err=True)
    return backup.passphrase(given)
