"""The `voicehouse` command.

Keep out: work of any step; commands call orchestration.pipeline and the Dagster job.
Exit codes: 0 done, 1 the run or a check failed, 2 used wrongly, 3 the home is locked.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from orchestration.errors import HomeLockedError, VoicehouseError
from orchestration.home import Home, House

PACKAGE = Path(__file__).parent


def _told(command: Callable[..., Any]) -> Callable[..., Any]:
    """A person's mistake ends in a sentence and an exit code, not in a traceback."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except HomeLockedError as error:
            click.echo(f"voicehouse: {error}", err=True)
            sys.exit(3)
        except VoicehouseError as error:
            click.echo(f"voicehouse: {error}", err=True)
            sys.exit(1)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), help="The home; default: VOICEHOUSE_HOME, else .voicehouse.")
def main(home: Path | None) -> None:
    """A customer-feedback warehouse: extract, guard, load, model, check, serve."""
    os.umask(0o077)  # what is for readers is opened to them by name
    # Absolute, because steps start processes elsewhere; the home itself is made by the command that needs it.
    os.environ["VOICEHOUSE_HOME"] = str(Path(home or os.environ.get("VOICEHOUSE_HOME") or ".voicehouse").resolve())


@main.command()
@click.option("--sources", multiple=True, type=click.Path(path_type=Path), help="A folder of sources; may be repeated.")
@click.option("--inbox", help="Where files are dropped: a folder or s3://bucket/prefix.")
@click.option(
    "--profile", type=click.Choice(["internal", "external", "open_data"]), default="internal", show_default=True
)
@click.option("--reporting-tz", default="UTC", show_default=True, help="IANA zone in which periods are cut.")
@_told
def init(sources: tuple[Path, ...], inbox: str | None, profile: str, reporting_tz: str) -> None:
    """Make a home: its settings, its policy, its keys."""
    home = Home.open()
    home.furnish(House(tuple(str(s.resolve()) for s in sources), inbox, reporting_tz, profile), anew=True)
    _keys_made(home)
    click.echo(f"home: {home.root}")


@main.command()
@click.option("--sample", is_flag=True, help="Run on the built-in sample company (its people are made up).")
@click.option("--customers", default=2000, show_default=True, help="Size of the sample company.")
@click.option("--seed", default=7, show_default=True, help="Seed of the sample company.")
@click.option("--source", "only", multiple=True, help="Ask only this source; may be repeated.")
@click.option("--since", help="Backfill from here (ISO 8601, UTC); the cursor does not move.")
@click.option("--until", help="Backfill up to here, exclusive.")
@_told
def run(sample: bool, customers: int, seed: int, only: tuple[str, ...], since: str | None, until: str | None) -> None:
    """Run every step on what is new, with progress, and print what came of it."""
    from orchestration.running import execute, summary

    home = Home.open()
    with home.writing("a run that is about to start"):
        pass  # says at once who holds the home, before anything heavy is loaded
    if sample:
        _prepare_sample(home, customers, seed)
    created = _keys_made(home)
    terminal = sys.stdout
    outcome = execute(home, only, since, until, report=lambda line: click.echo(line, file=terminal))
    if outcome.nothing_new:
        click.echo("nothing new: what is served is up to date, nothing was changed")
    elif (home.serving / "kpi.duckdb").exists():
        summary(home, click.echo)
    if created:
        click.echo(f"\nKeys of this home are in {created.parent}. Losing them means losing the lake, the vault and the")
        click.echo("warehouse: copy master.key to a safe place, or set VOICEHOUSE_MASTER_KEY and delete the file.")
    if not outcome.success:
        click.echo(f"\nthe run failed: {outcome.reason}", err=True)
        sys.exit(1)


def _prepare_sample(home: Home, customers: int, seed: int) -> None:
    from orchestration.sample import write

    inbox = Path(os.environ.get("VOICEHOUSE_INBOX") or home.root.parent / "inbox").resolve()
    home.furnish(House((str(PACKAGE / "sample" / "sources"),), str(inbox), "Asia/Shanghai", "internal"))
    if not inbox.exists() or not any(inbox.iterdir()):
        click.echo(f"writing the sample company (made-up people, seed {seed}, {customers} customers) to {inbox}")
        write(inbox, home.root.parent / "sample-truth", seed=seed, customers=customers)


def _keys_made(home: Home) -> Path | None:
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.policy import Policy

    Policy.of(home)
    made = Keyring(home).created_master
    if made:
        click.echo(f"made a master key for this home: {made}")
    return made


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@_told
def status(as_json: bool) -> None:
    """What waits, what is quarantined, how the last runs ended, what is served since when."""
    from orchestration import pipeline
    from orchestration.lake import promote, stage
    from orchestration.landing import pages

    home = Home.open()
    served = home.root / "ops" / "served.json"
    found: dict[str, Any] = {
        "home": str(home.root),
        "waiting_loads": [
            load.load_id
            for name in pipeline.sources(home)
            for load in pages.loads(home, name)
            if not promote.is_committed(home, load.load_id)
        ],
        "staged_loads": [m.load_id for m in stage.staged(home)],
        "quarantined_batches": len(list(home.folder("quarantine").glob("*/*.json"))),
        "last_runs": pipeline.run_history(home)[-5:],
        "served": json.loads(served.read_text()) if served.exists() else None,
    }
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(f"home        {found['home']}")
    click.echo(f"waiting     {len(found['waiting_loads'])} loads, {len(found['staged_loads'])} staged")
    click.echo(f"quarantine  {found['quarantined_batches']} batches")
    click.echo(f"served      {found['served']['served_at'] if found['served'] else 'nothing yet'}")
    for line in found["last_runs"]:
        failed = f"  without {', '.join(line['failed_sources'])}" if line["failed_sources"] else ""
        click.echo(f"run         {line['run_id'][:8]}  {line['started_at'][:19]}  {line['status']}{failed}")


@main.group()
def sources() -> None:
    """Sources: what this home reads."""


@sources.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@_told
def sources_list(as_json: bool) -> None:
    """Every source found, active or not, with the kinds it feeds."""
    from orchestration.sources.registry import discover

    found = discover(Home.open(), active_only=False).values()
    if as_json:
        rows = [{"name": s.name, "active": s.is_active, "kinds": s.kinds, "purposes": s.purposes} for s in found]
        click.echo(json.dumps(rows, indent=1))
        return
    for s in found:
        click.echo(f"{s.name:20} {'active' if s.is_active else 'off':7} {', '.join(s.kinds)}")


@main.group()
def quarantine() -> None:
    """Batches that failed their checks: reasons and counts, never values."""


@quarantine.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@_told
def quarantine_list(as_json: bool) -> None:
    """Every quarantined batch."""
    from orchestration.lake.quarantine import batches

    found = batches(Home.open())
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    if not found:
        click.echo("the quarantine is empty")
    for note in found:
        reasons = ", ".join(f"{c['name']} ({c['n_unexpected']} of {c['n_checked']})" for c in note["failed"])
        click.echo(f"{note['batch']}  {note['part']['rows']} rows  {reasons}")


@quarantine.command("show")
@click.argument("batch")
@_told
def quarantine_show(batch: str) -> None:
    """One batch: which checks failed, on how many rows."""
    from orchestration.lake.quarantine import find

    click.echo(json.dumps(find(Home.open(), batch), indent=1))


@quarantine.command("replay")
@click.argument("batch")
@_told
def quarantine_replay(batch: str) -> None:
    """Check a batch again, after its suite or source was mended, and let it into the lake if it passes."""
    from orchestration.lake.quarantine import replay
    from orchestration.privacy.keys import Keyring

    home = Home.open()
    with home.writing("quarantine replay"):
        passed = replay(home, Keyring(home), batch)
    click.echo("passed: it is in the lake; run `voicehouse run` to serve it" if passed else "it failed again")
    if not passed:
        sys.exit(1)


@main.command()
@click.option("--inbox", type=click.Path(path_type=Path), required=True, help="Folder to write the export files to.")
@click.option("--truth", type=click.Path(path_type=Path), required=True, help="Folder to write the true answers to.")
@click.option("--customers", default=2000, show_default=True)
@click.option("--seed", default=7, show_default=True)
@_told
def sample(inbox: Path, truth: Path, customers: int, seed: int) -> None:
    """Write the sample company's export files; all its people are made up."""
    from orchestration.sample import write

    write(inbox, truth, seed=seed, customers=customers)


@main.command()
@_told
def summary() -> None:
    """Print the ledger, headline KPIs and privacy checks of what is served now."""
    from orchestration.running import summary as tell

    tell(Home.open(), click.echo)


@main.command()
@click.option("--port", default=3000, show_default=True)
@_told
def ui(port: int) -> None:
    """Open Dagster on 127.0.0.1: graph, runs, schedule, sensor, checks."""
    from orchestration.running import dagster_home

    folder = dagster_home(Home.open())
    click.echo(f"Dagster on http://127.0.0.1:{port} (stop with Ctrl-C); its history is in {folder}")
    workspace = str(PACKAGE.parent / "workspace.yaml")
    arguments = ["dev", "--workspace", workspace, "--host", "127.0.0.1", "--port", str(port)]
    os.chdir(PACKAGE.parent)
    os.execv(str(Path(sys.executable).parent / "dagster"), ["dagster", *arguments])


if __name__ == "__main__":
    main()
