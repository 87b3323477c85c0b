"""`voicehouse status`: what waits, what is quarantined, how the last runs ended, what is served since when.

Keep out: finding it out (orchestration.watch).
"""

import sys
from typing import Any

import click

from orchestration.commands import as_json, named, say_json
from orchestration.commands._progress import ticking
from orchestration.home import Home
from orchestration.messages import grain, text, translated

STATES = {
    "succeeded": "status.state_succeeded",
    "failed": "status.state_failed",
    "interrupted": "status.state_interrupted",
    "nothing_new": "status.state_nothing_new",
    "died": "status.state_died",
    "partial": "status.state_partial",
}


@click.command(help=text("status.help"))
@click.option("--files", is_flag=True, help=text("status.files"))
@as_json
def command(files: bool, as_json: bool) -> None:
    """What waits, what is quarantined, how the last runs ended, what is served since when."""
    from orchestration import alerts, watch

    home = Home.existing()
    if files:
        _list_files(home, as_json)
        return
    with ticking("status"):
        found = watch.status(home)
        found["alerts_problem"] = alerts.told(home)["problem"]
        reasons = [reason for run in found["last_runs"] for reason in _reasons(run)]
        read = {} if as_json else dict(zip(reasons, named(home, reasons, sys.stdout), strict=True))
    if as_json:
        say_json(found)
        return

    def line(label: str, words: str) -> None:
        click.echo(f"{label:12} {words}")

    line(text("status.home"), found["home"])
    if found["writing_now"]:
        line(text("status.writing"), text("status.writing_by", **found["writing_now"]))
    waiting = text("status.loads", waiting=len(found["waiting_loads"]), staged=len(found["staged_loads"]))
    line(text("status.waiting"), waiting)
    line(text("status.quarantine"), text("status.batches", n=found["quarantined_batches"]))
    line(text("status.served"), found["served"]["served_at"][:19] if found["served"] else text("status.nothing"))
    if found["withdrawn"]:
        line(text("status.withdrawn"), text("status.withdrawn_since"))
    for reason in found["broken_sources"].values():
        line(text("status.broken"), translated(reason))
    for w in found["unnamed"]:
        told = text("status.unnamed_line", **w | {"since": w["since"][:10], "until": w["until"][:10]})
        line(text("status.unnamed"), told)
    for s in found["sources"]:
        if s["is_stale"]:
            newest = s["newest_load_at"][:19] if s["newest_load_at"] else text("status.never")
            told = text("status.stale_line", source=s["source"], newest=newest, hours=f"{s['expected_every_hours']:g}")
            line(text("status.stale"), told)
    for b in found["sla_breaches"]:
        told = text("status.breach", metric=b["metric_id"], grain=grain(b["period_grain"]), start=b["period_start"])
        line(text("status.sla"), told)
    for run_id in found["died_runs"]:
        line(text("status.run"), text("status.died", run=run_id[:8]))
    for run in found["last_runs"]:
        without = text("status.without", sources=", ".join(run["failed_sources"])) if run["failed_sources"] else ""
        state = text(STATES[run["status"]])
        if run.get("failed_step"):
            state += " " + text("status.at_step", step=run["failed_step"].replace("__", " "))
        line(text("status.run"), f"{run['run_id'][:8]}  {run['started_at'][:19]}  {state}  {without}".rstrip())
        for reason in _reasons(run):
            line("", translated(read[reason]))
    for incident in found["incidents"]:
        left = incident["outcome"] or text("status.hours_left", n=f"{incident['hours_left']:g}")
        line(text("status.incident"), f"{incident['at'][:19]}  {incident['incident']}  {incident['told']}  {left}")
    if found["alerts_problem"]:
        line(text("status.alerts"), translated(found["alerts_problem"]))


def _reasons(run: dict[str, Any]) -> list[str]:
    """Why sources failed, and why the run did beside them; runs of before this was kept have no reason of their own."""
    own = run.get("reason")
    return [*run.get("reasons", {}).values(), *([own] if own else [])]


def _list_files(home: Home, as_json: bool) -> None:
    """Every file that a source could not read wholly; machines get the keyed ids alone."""
    from orchestration.landing import unread

    with ticking("status --files"):
        found = unread.listed(home)
        read = {} if as_json else {s: named(home, reasons, sys.stdout) for s, reasons in found.items()}
    if as_json:
        say_json(found)
        return
    for source, reasons in read.items():
        for reason in reasons:
            click.echo(f"{source}: {translated(reason)}")
    if not found:
        click.echo(text("status.no_files"))
