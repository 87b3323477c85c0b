"""`voicehouse sources`: what this home reads.

Keep out: reading them (orchestration.sources).
"""

import sys
from dataclasses import replace
from pathlib import Path

import click

from orchestration.commands import as_json, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import Finding, text, translated


@click.group(help=text("sources.help"))
def command() -> None:
    """Sources: what this home reads."""


@command.command("list", help=text("sources.list"))
@as_json
def list_all(as_json: bool) -> None:
    """Every source found, active or not, with the kinds it feeds."""
    from orchestration.sources.registry import discover

    broken: dict[str, str] = {}
    found = discover(Home.existing(), active_only=False, broken=broken).values()
    if as_json:
        rows = [{"name": s.name, "active": s.is_active, "kinds": s.kinds, "purposes": s.purposes} for s in found]
        say_json([*rows, *({"name": name, "broken": reason} for name, reason in broken.items())])
        return
    for s in found:
        state = text("sources.active" if s.is_active else "sources.off")
        click.echo(f"{s.name:20} {state:7} {', '.join(s.kinds)}")
    for name, reason in broken.items():
        click.echo(f"{name:20} {text('status.broken'):7} {translated(reason)}")


@command.command(help=text("sources.check"))
@click.argument("names", nargs=-1)
@as_json
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Settings, SQL on fixtures or on a first page, purposes, files: of all sources or of those named."""
    from orchestration.errors import ContractError
    from orchestration.sources import check as checking
    from orchestration.sources.contract import read_settings
    from orchestration.sources.registry import folders, source_folders

    home = Home.existing()
    every = {path.name: path for folder in folders(home) for path in source_folders(folder)}
    missing = sorted(set(names) - set(every))
    if missing:
        raise click.BadParameter(text("sources.unknown", names=", ".join(missing)))
    found: dict[str, list[Finding]] = {}
    with ticking("sources check"):
        for name in names or sorted(every):
            try:
                settings = read_settings(every[name])
            except ContractError as error:
                found[name] = [Finding("error", "check.broken", {"reason": translated(str(error))})]
                continue
            if names or settings.is_active:
                found[name] = checking.check(home, settings)
    failed = any(f.level == "error" for findings in found.values() for f in findings)
    if as_json:
        say_json({n: [f.as_row() for f in findings] for n, findings in found.items()})
    else:
        for name, findings in found.items():
            worst = next((w for w in ("error", "warning") if any(f.level == w for f in findings)), "ok")
            click.echo(
                f"{name:20} {text({'error': 'check.error', 'warning': 'check.warning', 'ok': 'check.ok'}[worst])}"
            )
            for f in findings:
                click.echo(f"  {f.told}")
    sys.exit(1 if failed else 0)


@command.command(help=text("sources.add"))
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), help=text("sources.folder"))
def add(name: str, folder: Path | None) -> None:
    """Write a new source's folder, with a made-up fixture and a test that passes."""
    import orchestration
    from orchestration.sources import scaffold

    home = Home.open()
    house = home.house
    own = [Path(s) for s in house.sources if not Path(s).is_relative_to(Path(orchestration.__file__).parent)]
    target = (folder or (own[0] if own else home.root.parent / "sources")).resolve()
    written = scaffold.write(target, name)
    if str(target) not in house.sources:
        home.furnish(replace(house, sources=(*house.sources, str(target))), anew=True)
        click.echo(text("sources.registered", folder=target))
    for path in written:
        click.echo(path)
    click.echo(text("sources.added", name=name, folder=target / name))
