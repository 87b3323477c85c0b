"""`voicehouse keys`: how old keys are, replacing them, and changing the master key that wraps them.

Keep out: what keys are for (orchestration.privacy).
"""

import json
from dataclasses import asdict

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._confirm import confirm
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text


@click.group(help=text("keys.help"))
def command() -> None:
    """How old keys are, replacing them, and changing the master key."""


@command.command("list", help=text("keys.list"))
@as_json
def list_keys(as_json: bool) -> None:
    """Every key but those of sealed pages: versions, and when the newest was made."""
    from orchestration.privacy.keys import MASTER, Keyring

    keyring = Keyring(Home.existing())
    found = [{"purpose": MASTER, "versions": 1, "made_on": keyring.made_on(MASTER)}]
    found += [
        {"purpose": p, "versions": keyring.version(p), "made_on": keyring.made_on(p)}
        for p in keyring.purposes()
        if not p.startswith("landing:")
    ]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for key in found:
        click.echo(text("keys.line", **{**key, "made_on": key["made_on"] or "?"}))


@command.command(help=text("keys.rotate"))
@click.option("--role", required=True, help=text("keys.role"))
@click.option("--yes", is_flag=True, help=text("keys.yes"))
@click.option("--dry-run", is_flag=True, help=text("keys.dry_run"))
@as_json
def rotate(role: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Replace every kind of key: what lies under one is written anew, models and served files are made anew."""
    from orchestration import pipeline
    from orchestration.privacy import roles, rotation
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "keys rotate")
    if dry_run:
        AuditLog(home, keyring).append("keys rotate, dry run", role=role)
        purposes, files = rotation.planned(home)
        found = {"keys": list(purposes), "files": files}
        click.echo(json.dumps(found) if as_json else text("keys.would", keys=", ".join(purposes), files=files))
        return
    if not yes:
        confirm(home, "keys rotate", text("keys.sure"))
    with home.writing("keys rotate"), ticking("keys rotate"):
        AuditLog(home, keyring).append("keys rotate", role=role)
        click.echo(text("keys.rotating"), err=True)
        done, failed = pipeline.rotate_keys(home, keyring)
    if as_json:
        click.echo(json.dumps(asdict(done) | {"is_sound": done.is_sound}, indent=1))
    else:
        click.echo(text("keys.done", **asdict(done)))
    if failed or not done.is_sound:
        raise SystemExit(1)


@command.command(help=text("keys.rewrap"))
@click.option("--role", required=True, help=text("keys.role"))
@click.option("--yes", is_flag=True, help=text("keys.yes"))
@click.option("--dry-run", is_flag=True, help=text("keys.dry_run_rewrap"))
@as_json
def rewrap(role: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Change the master key: keys are wrapped anew, no data is written anew."""
    from orchestration.privacy import rewrap as changing
    from orchestration.privacy import roles
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "keys rewrap")
    plan, wrapped = changing.plan(keyring), changing.keys(home, keyring)
    if dry_run:
        AuditLog(home, keyring).append("keys rewrap, dry run", role=role)
        found = {"keys": wrapped, "in_file": plan.in_file, "goes_on": plan == keyring.change}
        where = text("keys.in_file") if plan.in_file else text("keys.elsewhere")
        say_json(found) if as_json else click.echo(text("keys.would_rewrap", keys=wrapped, where=where))
        return
    if not yes:
        confirm(home, "keys rewrap", text("keys.sure_rewrap"))
    with home.writing("keys rewrap"), ticking("keys rewrap"):
        AuditLog(home, keyring).append("keys rewrap", role=role)
        done = changing.rewrap(home, keyring)
    if as_json:
        say_json(asdict(done) | {"is_sound": done.is_sound})
    else:
        click.echo(text("keys.rewrapped", keys=done.keys, left=done.opened_by_old))
        click.echo(text("keys.keep_file") if done.in_file else text("keys.keep_elsewhere"))
        click.echo(text("keys.copy_lists"))
        if done.newest_backup:
            click.echo(text("keys.backups", n=done.backups, newest=done.newest_backup, gone=done.backups_gone))
        click.echo(text("keys.same_keys"))
    if not done.is_sound:
        raise SystemExit(1)
