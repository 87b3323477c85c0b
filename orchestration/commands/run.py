"""`voicehouse run`: every step on what is new, with progress, and what came of it.

Keep out: the run itself (orchestration.running).
"""

import os
import sys
from pathlib import Path

import click

from orchestration.commands import as_json, named, say_json
from orchestration.commands._progress import tell, ticking
from orchestration.errors import VoicehouseError
from orchestration.home import Home, House
from orchestration.messages import text, translated


@click.command(help=text("run.help"))
@click.option("--sample", is_flag=True, help=text("run.sample"))
@click.option("--customers", default=2000, type=click.IntRange(min=50), show_default=True, help=text("run.customers"))
@click.option("--seed", default=7, show_default=True, help=text("run.seed"))
@click.option("--source", "only", multiple=True, help=text("run.source"))
@click.option("--since", help=text("run.since"))
@click.option("--until", help=text("run.until"))
@click.option("--known-at", help=text("run.known_at"))
@as_json
def command(
    sample: bool,
    customers: int,
    seed: int,
    only: tuple[str, ...],
    since: str | None,
    until: str | None,
    known_at: str | None,
    as_json: bool,
) -> None:
    """Run every step on what is new, with progress, and print what came of it."""
    from orchestration import pipeline
    from orchestration.running import beginning, execute, keys_made, look_back, summary

    home = Home.existing() if known_at else Home.open()
    then = pipeline.instant(known_at, "known-at")
    if then:
        if sample or only or since or until:
            raise click.UsageError(text("run.known_at_alone"))
        with ticking("run --known-at"):
            found = look_back(home, then, (lambda _: None) if as_json else tell)
        if as_json:
            say_json(found)
        return
    if as_json:
        raise click.UsageError(text("run.json_of_known_at"))
    with beginning(home), home.writing("a run that is about to start"):
        pass  # says at once who holds the home, before anything heavy is loaded
    if sample:
        _prepare_sample(home, customers, seed)
    with beginning(home):
        keys_made(home, tell)
    terminal = sys.stdout
    with ticking("run") as at:

        def report(line: str) -> None:
            tell(line, terminal)
            at(line.rpartition("] ")[2])

        outcome = execute(home, only, since, until, report)
    if outcome.nothing_new:
        tell(text("run.nothing_new"))
    elif (home.serving / "kpi.duckdb").exists():
        try:
            with ticking("summary"):
                if not outcome.success and not pipeline.is_served(home):
                    tell("\n" + text("run.served_before"))
                summary(home, tell)
        except VoicehouseError as error:
            if outcome.success:
                raise
            tell("\n" + translated(str(error)), sys.stderr)  # the reason of the failure comes after it
    if not outcome.success:
        (reason,) = named(home, [outcome.reason], sys.stderr)
        tell("\n" + text("run.failed", reason=translated(reason)), sys.stderr)
        sys.exit(1)


def _prepare_sample(home: Home, customers: int, seed: int) -> None:
    from orchestration import sample
    from orchestration.privacy import policy

    own = str(Path(sample.__file__).parent / "sources")
    if (home.root / "house.toml").exists() and list(home.house.sources) != [own]:
        raise VoicehouseError("this home has sources of its own: give the sample company another one, with --home")
    inbox = Path(os.environ.get("VOICEHOUSE_INBOX") or home.root.parent / "inbox").resolve()
    home.furnish(House((own,), str(inbox), "Asia/Shanghai", "internal"))
    policy.furnish(home, "岚桥 Lanqiao (made up)", "privacy@lanqiao.example", "PIA-2025-01 (made up)")
    reference = home.root / "reference"
    if not inbox.exists() or not any(inbox.iterdir()):
        tell(text("run.writing_sample", seed=seed, customers=customers, inbox=inbox))
        truth = home.root.parent / "sample-truth"
        with ticking("run --sample"):
            sample.write(inbox, truth, seed=seed, customers=customers, reference_folder=reference)
    elif not reference.exists() or not any(reference.iterdir()):
        sample.write_reference(reference)  # a new home for an inbox that was kept
