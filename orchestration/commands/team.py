"""`voicehouse team`: the restricted file and who may open it.

Keep out: making it (orchestration.serving.publish).
"""

import click

from orchestration.home import Home
from orchestration.messages import text
from orchestration.privacy.roles import ROLES


@click.group(help=text("team.help"))
def command() -> None:
    """The restricted file: rows per case, agent and training."""


@command.command(help=text("team.key"))
@click.option("--role", type=click.Choice(ROLES), required=True, help=text("team.role"))
@click.option("--reason", required=True, help=text("team.reason"))
def key(role: str, reason: str) -> None:
    """Show the key of serving/team.duckdb; the audit line is on the disk before the answer is."""
    from orchestration.privacy import roles
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.postgres import TEAM_KEY

    home = Home.open()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "team key")
    AuditLog(home, keyring).append("team_key_shown", role=role, reason=reason, key_version=keyring.version(TEAM_KEY))
    click.echo(keyring.hex(TEAM_KEY))
