"""`python -m orchestration.sample`: writes the sample company's inbox and its true answers.

Keep out: what is written (company.py).
"""

from pathlib import Path

import click

from orchestration.sample.company import CUSTOMERS, SEED, write


@click.command()
@click.option(
    "--inbox",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("inbox"),
    show_default=True,
    help="Where the systems drop their files.",
)
@click.option(
    "--truth",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sample-truth"),
    show_default=True,
    help="Where the true answers go; keep it outside of the home.",
)
@click.option(
    "--reference",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the company's reference files go: the folder `reference` of a home. Default: nowhere.",
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="The same seed gives the same files.")
@click.option(
    "--customers",
    type=click.IntRange(min=100),
    default=CUSTOMERS,
    show_default=True,
    help="How many persons; about 35 records each.",
)
@click.option(
    "--wave",
    type=click.Choice(["1", "2"]),
    default=None,
    help="1: history until November 2025; 2: what December brings. Default: both.",
)
def main(inbox: Path, truth: Path, reference: Path | None, seed: int, customers: int, wave: str | None) -> None:
    """Write a made-up retailer's files: nobody in them exists."""
    world = write(inbox, truth, seed, customers, int(wave) if wave else None, reference)
    for (source, stream), records in sorted(world.written.items()):
        click.echo(f"{source:14} {stream:15} {records:>9,}")
    click.echo(f"{sum(world.written.values()):,} records in {inbox}, true answers in {truth}")


if __name__ == "__main__":
    main()
