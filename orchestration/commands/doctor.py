"""`voicehouse doctor`: what is wrong here, and what to do.

Keep out: the examination (orchestration.doctor).
"""

import os
import sys
from pathlib import Path

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.messages import text


@click.command(help=text("doctor.help"))
@as_json
def command(as_json: bool) -> None:
    """Examine this machine and this home."""
    from orchestration import doctor

    with ticking("doctor"):
        found = doctor.examine(Path(os.environ["VOICEHOUSE_HOME"]))
    marks = {"error": "doctor.is_error", "warning": "doctor.is_warning", "note": "doctor.is_note"}
    if as_json:
        say_json([f.as_row() for f in found])
    else:
        for f in found:
            click.echo(f"{text(marks[f.level])}  {f.told}")
        if not any(f.level != "note" for f in found):
            click.echo(text("doctor.well"))
    sys.exit(1 if any(f.level == "error" for f in found) else 0)
