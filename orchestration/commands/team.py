"""`voicehouse team`: the restricted file, who may open it, and the names behind its keys for whoever leads the team.

Keep out: making it (orchestration.serving.publish) and the rule (orchestration.privacy.reidentification).
"""

import json

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.commands._reason import reason
from orchestration.home import Home
from orchestration.messages import text
from orchestration.privacy.roles import ROLES


@click.group(help=text("team.help"))
def command() -> None:
    """The restricted file: rows per case, agent and training."""


@command.command(help=text("team.key"))
@click.option("--role", type=click.Choice(ROLES), required=True, help=text("team.role"))
@reason("team.reason")
@as_json
def key(role: str, reason: str, as_json: bool) -> None:
    """Show the key of serving/team.duckdb; the audit line is on the disk before the answer is."""
    from orchestration.privacy import roles
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.postgres import TEAM_KEY

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "team key")
    AuditLog(home, keyring).append("team_key_shown", role=role, reason=reason, key_version=keyring.version(TEAM_KEY))
    if as_json:
        say_json({"key": keyring.hex(TEAM_KEY), "key_version": keyring.version(TEAM_KEY)})
        return
    click.echo(keyring.hex(TEAM_KEY))


@command.command(help=text("team.names"))
@click.option("--team", required=True, help=text("team.team"))
@click.option("--role", type=click.Choice(ROLES), required=True, help=text("team.names_role"))
@reason("team.reason")
@as_json
def names(team: str, role: str, reason: str, as_json: bool) -> None:
    """Names of the members of one team, by the keys that the restricted file has for them."""
    from orchestration.engine import connect
    from orchestration.privacy import reidentification, roles
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.vault import open_vault

    home = Home.existing()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "team names")
    with ticking("team names"):
        con = connect(home.temp)
        try:
            with open_vault(con, home, keyring, read_only=True):
                found = reidentification.names_of_team(con, home, keyring, team, role, reason)
        finally:
            con.close()
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for agent_key, told in found.items():
        click.echo(f"{agent_key}  {', '.join(told)}")
    click.echo(text("team.named", n=len(found), team=team))
