"""`voicehouse sample`: the made-up company's export files and its true answers.

Keep out: the company itself (orchestration.sample).
"""

from pathlib import Path

import click

from orchestration.commands._progress import ticking
from orchestration.messages import text


@click.command(help=text("sample.help"))
@click.option("--inbox", type=click.Path(path_type=Path), required=True, help=text("sample.inbox"))
@click.option("--truth", type=click.Path(path_type=Path), required=True, help=text("sample.truth"))
@click.option("--reference", type=click.Path(path_type=Path), help=text("sample.reference"))
@click.option("--customers", default=2000, type=click.IntRange(min=50), show_default=True, help=text("run.customers"))
@click.option("--seed", default=7, show_default=True, help=text("run.seed"))
def command(inbox: Path, truth: Path, reference: Path | None, customers: int, seed: int) -> None:
    """Write the sample company's export files; all its people are made up."""
    from orchestration.sample import write

    with ticking("sample"):
        write(inbox, truth, seed=seed, customers=customers, reference_folder=reference)
