"""Progress of one long operation on a terminal, and in what a service keeps of its errors.

Keep out: the operation.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from orchestration.backup import Say
from orchestration.messages import text

# Silence until it is told what goes on, and until it is told again.
LOOKED_ON = (2.0, 5.0)  # on a terminal nobody has to wonder for longer
KEPT = (10.0, 60.0)  # where no person looks on


def tell(words: str, stream: TextIO | None = None) -> None:
    """Print a line; once whoever read the stream is gone, it and all that follows go nowhere: work goes on."""
    stream = stream or sys.stdout
    try:
        click.echo(words, file=stream)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def ticking(step: str) -> Iterator[Callable[[str], None]]:
    """Tells on standard error, after some seconds of silence and then again and again, what goes on and for how long.

    Gives the function to tell the next step.
    """
    silent, every = LOOKED_ON if sys.stderr.isatty() else KEPT
    now_at = (time.monotonic(), step)
    is_over = threading.Event()

    def at(step: str) -> None:
        nonlocal now_at
        now_at = (time.monotonic(), step)

    def tick() -> None:
        told = 0.0
        while not is_over.wait(0.2):
            began, step = now_at
            if time.monotonic() >= (told + every if told > began else began + silent):
                told = time.monotonic()
                tell(text("cli.still_at", step=step, seconds=int(told - began)), sys.stderr)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield at
    finally:
        is_over.set()
        thread.join()


@contextmanager
def bar(label: str) -> Iterator[Say]:
    """A function to tell bytes done and bytes in all: a bar on standard error when that is a terminal, else ticks."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        with ticking(label):
            yield lambda done, total: None
        return
    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(label, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
