"""`--reason`: why one asks. It goes to the record, so that it says something.

Keep out: the record, and what counts as said (privacy/roles.py).
"""

from collections.abc import Callable
from typing import Any

import click

from orchestration.messages import text


def reason(help_key: str, default: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option; without a default it has to be given."""
    needed: dict[str, Any] = {"default": default, "show_default": True} if default else {"required": True}
    return click.option("--reason", callback=_stated, help=text(help_key), **needed)


def _stated(_: click.Context, __: click.Parameter, given: str) -> str:
    from orchestration.privacy.roles import stated

    return stated(given)
