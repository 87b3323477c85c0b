"""`voicehouse audit`: the log of who did what to persons' data.

Keep out: writing it (orchestration.privacy.audit_log).
"""

import json

import click

from orchestration.commands import as_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text, translated


@click.group(help=text("audit.help"))
def command() -> None:
    """The log of who did what to persons' data."""


@command.command(help=text("audit.verify"))
@as_json
def verify(as_json: bool) -> None:
    """Whether every line is there, in order and unchanged."""
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    with ticking("audit verify"):
        n, wrong = AuditLog(home, Keyring(home)).verify()
    if as_json:
        click.echo(json.dumps({"lines": n, "wrong": wrong}, indent=1))
    else:
        for sentence in wrong:
            click.echo(translated(sentence))
        click.echo(text("audit.broken" if wrong else "audit.sound", n=n))
    if wrong:
        raise SystemExit(1)


@command.command("list", help=text("audit.list"))
@click.option("--last", default=20, show_default=True, help=text("audit.last"))
@as_json
def list_lines(last: int, as_json: bool) -> None:
    """The newest lines."""
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    with ticking("audit list"):
        found = list(AuditLog(home, Keyring(home)).lines())[-last:]
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for line in found:
        facts = "  ".join(f"{k}={v}" for k, v in line["facts"].items())
        at, actor = line.get("at", "")[:19], line.get("actor", "")  # a damaged line has neither
        click.echo(f"{line['number']:>6}  {at}  {actor:12} {line['action']:24} {facts}")
