"""Progress of one long operation on a terminal; silent elsewhere.

Keep out: the operation.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.backup import Say


@contextmanager
def bar(label: str) -> Iterator[Say]:
    """A function to tell bytes done and bytes in all; draws on standard error when that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as drawn:
        task = drawn.add_task(label, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
