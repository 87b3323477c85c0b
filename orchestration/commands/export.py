"""`voicehouse export`: rows for one recipient and one purpose, under the k checks.

Keep out: the checks (orchestration.serving.export).
"""

from dataclasses import asdict
from pathlib import Path

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import text
from orchestration.privacy.roles import ROLES


@click.command(help=text("export.help"))
@click.argument("dataset")
@click.option("--recipient", required=True, help=text("export.recipient"))
@click.option("--role", required=True, type=click.Choice(ROLES), help=text("export.role"))
@click.option("--purpose", required=True, help=text("export.purpose"))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help=text("export.out"))
@click.option("--quasi", help=text("export.quasi"))
@click.option("--leave-out", is_flag=True, help=text("export.leave_out"))
@click.option("--dry-run", is_flag=True, help=text("export.dry_run"))
@as_json
def command(
    dataset: str,
    recipient: str,
    role: str,
    purpose: str,
    out: Path | None,
    quasi: str | None,
    leave_out: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Export rows, or refuse with the reasons."""
    from orchestration import pipeline
    from orchestration.privacy import roles
    from orchestration.privacy.keys import Keyring
    from orchestration.serving.export import export

    if out is None and not dry_run:
        raise click.UsageError(text("export.no_file"))
    home = Home.existing()
    roles.require(home, Keyring(home), role, "export")
    with home.writing("export"), ticking("export"):  # whatever takes rows back waits, or has taken the models away
        con = pipeline.open_warehouse(home, Keyring(home))
        try:
            done = export(
                con,
                home,
                dataset,
                recipient=recipient,
                role=role,
                purpose=purpose,
                into=None if dry_run else out,
                quasi=[q.strip() for q in quasi.split(",") if q.strip()] if quasi else (),
                leave_out=leave_out,
            )
        finally:
            con.close()
    if as_json:
        say_json(asdict(done))
        return
    found = done.anonymity
    click.echo(
        text(
            "export.measured",
            rows=found.rows,
            k=found.k_persons,
            l=found.l_values,
            t=f"{found.t_distance:.2f}",
            left_out=done.left_out,
        )
    )
    click.echo(text("export.done", path=str(out), line=done.audit_line) if done.path else text("export.not_written"))
