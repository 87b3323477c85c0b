"""`voicehouse privacy`: the privacy report, its sign-off, and the proof by canaries.

Keep out: what the report says (orchestration.serving.privacy_report) and requests of persons (`voicehouse subject`).
"""

import json
from dataclasses import asdict

import click

from orchestration.commands import as_json, say_json
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.messages import text
from orchestration.privacy.roles import ROLES


@click.group(help=text("privacy.help"))
def command() -> None:
    """The privacy report and its sign-off."""


@command.command(help=text("privacy.report"))
@as_json
def report(as_json: bool) -> None:
    """Write the report of what is published, or waits for its sign-off, anew."""
    from orchestration import pipeline
    from orchestration.privacy.keys import Keyring

    home = Home.open()
    with home.writing("privacy report"):
        done = pipeline.report_privacy(home, Keyring(home))
    if as_json:
        say_json(json.loads(done.path.read_text()))
        return
    click.echo(text("privacy.written", path=str(done.path.with_suffix(".html")), sha256=done.sha256))


@command.command(help=text("privacy.canary"))
@as_json
def canary(as_json: bool) -> None:
    """Send made-up persons through every step and look for them in every artefact; evidence of check C6."""
    from orchestration import canary as canaries

    home = Home.open()
    with home.writing("privacy canary"):
        found = canaries.prove(home, lambda step: click.echo(text("privacy.canary_step", step=step), err=True))
    if as_json:
        say_json(asdict(found))
    else:
        for name in found.found:
            click.echo(text("privacy.canary_found", name=name))
        key = "privacy.canary_missed" if found.found else "privacy.canary_clean"
        click.echo(text(key, files=found.files, columns=found.columns))
    if found.found:
        raise SystemExit(1)


@command.command("sign-off", help=text("privacy.sign_off"))
@click.option("--name", required=True, help=text("privacy.name"))
@click.option("--role", required=True, type=click.Choice(ROLES), help=text("privacy.role"))
@click.option("--remark", default="", help=text("privacy.remark"))
@click.option("--sha256", help=text("privacy.seen"))
def sign(name: str, role: str, remark: str, sha256: str | None) -> None:
    """Sign the newest report; what waits for it is served."""
    from orchestration import pipeline
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.privacy_report import newest, sign_off

    home = Home.open()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "privacy sign-off")
    path = newest(home)
    if path is None:
        raise VoicehouseError("there is no privacy report yet: run `voicehouse run` first")
    if sha256 and json.loads(path.read_text())["sha256"] != sha256:
        raise VoicehouseError("the newest privacy report is another than the one you read: read it, then sign it")
    with home.writing("privacy sign-off"):
        signed = sign_off(home, keyring, path, name, remark)
        served = pipeline.serve_signed(home, keyring)
    click.echo(text("privacy.signed", report=path.stem, line=signed["audit_line"]))
    if served:
        click.echo(text("privacy.served"))
