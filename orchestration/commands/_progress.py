"""Progress of one long operation on a terminal, and in what a service keeps of its errors.

Keep out: the operation.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from orchestration.backup import Say
from orchestration.messages import text

SILENT_SECONDS = 2.0  # nobody has to wonder for longer
EVERY_SECONDS = 5.0
EVERY_SECONDS_KEPT = 10.0  # where no person looks on


@contextmanager
def ticking(step: str) -> Iterator[Callable[[str], None]]:
    """Tells on standard error, after two seconds of silence and then again and again, what goes on and for how long.

    Gives the function to tell the next step.
    """
    every = EVERY_SECONDS if sys.stderr.isatty() else EVERY_SECONDS_KEPT
    now_at = (time.monotonic(), step)
    is_over = threading.Event()

    def at(step: str) -> None:
        nonlocal now_at
        now_at = (time.monotonic(), step)

    def tick() -> None:
        told = 0.0
        while not is_over.wait(0.2):
            began, step = now_at
            if time.monotonic() >= (told + every if told > began else began + SILENT_SECONDS):
                told = time.monotonic()
                click.echo(text("cli.still_at", step=step, seconds=int(told - began)), err=True)

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
