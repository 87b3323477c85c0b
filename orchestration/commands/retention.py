"""`voicehouse retention`: what is past its term goes for good.

Keep out: terms (source.toml) and how rows go (orchestration.privacy.retention).
"""

import json
from dataclasses import asdict

import click

from orchestration.commands import as_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("retention.help"))
def command() -> None:
    """What is past its term goes for good."""


@command.command("run", help=text("retention.run"))
@click.option("--role", default="engineer", show_default=True, help=text("retention.role"))
@reason("subject.reason", default="terms")
@click.option("--dry-run", is_flag=True, help=text("retention.dry_run"))
@as_json
def run_now(role: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Delete what is past its term now; every `voicehouse run` does the same."""
    from orchestration import pipeline
    from orchestration.privacy import answers, roles, withdrawal
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.policy import Policy

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "retention run")
    with home.writing("retention run"), ticking("retention run"):
        said = "retention run, dry run" if dry_run else "retention run"
        AuditLog(home, keyring).append(said, role=role, reason=reason)
        withdrawn, found = pipeline.let_go(home, keyring, dry_run)
        copies = answers.expire(home, Policy.of(home).landing_days, dry_run)
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, **asdict(found), "withdrawn": asdict(withdrawn), "copies": copies}))
        return
    is_touched = withdrawn != withdrawal.Withdrawn()
    if copies:
        click.echo(text("retention.would_copies" if dry_run else "retention.copies", n=copies))
    elif found.nothing and not is_touched:
        click.echo(text("retention.nothing"))
        return
    if not found.nothing:
        click.echo(text("retention.would" if dry_run else "retention.done", **asdict(found)))
    if is_touched:
        click.echo(text("retention.would_withdraw" if dry_run else "retention.withdrawn", **asdict(withdrawn)))
    if not dry_run and (found.rows or found.texts or withdrawn.rows or withdrawn.purposes):
        click.echo(text("retention.rebuild"))
