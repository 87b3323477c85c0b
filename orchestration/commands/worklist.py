"""`voicehouse worklist`: where the open cases of one handler lie at their sources; no name leaves the vault.

Keep out: the way back itself (orchestration.privacy.reidentification).
"""

import json
from dataclasses import asdict

import click

from orchestration.commands import as_json
from orchestration.home import Home
from orchestration.messages import text


@click.command(help=text("worklist.help"))
@click.option("--agent", required=True, help=text("worklist.agent"))
@click.option("--role", required=True, help=text("worklist.role"))
@click.option("--most", default=100, show_default=True, help=text("worklist.most"))
@as_json
def command(agent: str, role: str, most: int, as_json: bool) -> None:
    """Where the open cases of one handler lie at their sources."""
    from orchestration.engine import connect
    from orchestration.lake.store import LAKE_KEY, Lake
    from orchestration.privacy import pseudonyms, reidentification, roles
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.vault import open_vault
    from orchestration.sources.registry import discover

    home = Home.open()
    keyring = Keyring(home)
    roles.require(home, keyring, role, "worklist")
    links = {n: str(s.options["case_link"]) for n, s in discover(home).items() if "case_link" in s.options}
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        keys = reidentification.open_cases(con, agent, most)
        with open_vault(con, home, keyring, read_only=True):
            found = reidentification.worklist(con, home, keyring, [("case", k) for k in keys], links)
    finally:
        con.close()
    if as_json:
        click.echo(json.dumps([asdict(i) for i in found], indent=1))
        return
    for item in found:
        click.echo(f"{item.source:16} {item.record_id:24} {item.link or ''}")
    click.echo(text("worklist.total", n=len(found)))
