"""Incidents as jobs: opened, counted, told, closed.

Keep out: the register (privacy/incidents.py). Run configuration is kept by Dagster: what people write
holds nobody's data.
"""

import dagster as dg

from orchestration import pipeline
from orchestration.defs.started import Reason, job, writing
from orchestration.privacy import incidents
from orchestration.serving.notification import material, write_notification


class Noticed(dg.Config):
    """What happened, in few words without anybody's data, its ticket, when somebody first knew (ISO 8601; else now).

    `dry_run` only says until when it would have to be told.
    """

    reason: Reason
    ticket: str
    noticed_at: str = ""
    dry_run: bool = False
    role: str = "compliance"


class Touched(dg.Config):
    """An incident of the register, and what it is about: a time (ISO 8601), sources, kinds, loads, stores.

    All unless told. `dry_run` counts and keeps nothing.
    """

    incident: str
    since: str = ""
    until: str = ""
    sources: list[str] = []
    kinds: list[str] = []
    loads: list[str] = []
    stores: list[str] = []
    dry_run: bool = False
    role: str = "compliance"


class Told(dg.Config):
    """An incident of the register whose scope was counted; `dry_run` only says what would have to be filled in."""

    incident: str
    dry_run: bool = False
    role: str = "compliance"


class Ended(Told):
    """How it ended, in few words without anybody's data; `dry_run` only says whether it can be closed."""

    outcome: str


@job("incident_open")
def open_incident(context: dg.OpExecutionContext, config: Noticed) -> None:
    """Writes an incident down; from when it was noticed, its term runs."""
    with writing(context, "privacy incident", config.role, of="incident") as (home, keyring):
        noticed_at = incidents.moment(pipeline.instant(config.noticed_at or None, "noticed_at"))
        facts = {"reason": config.reason, "ticket": config.ticket, "noticed_at": noticed_at}
        found = incidents.draft(**facts) if config.dry_run else incidents.begin(home, keyring, "opened", **facts)
        number = {} if config.dry_run else {"incident": found.number}
        context.add_output_metadata({**number, "due_at": found.due_at, "dry_run": config.dry_run})


@job("incident_scope")
def count_incident(context: dg.OpExecutionContext, config: Touched) -> None:
    """Counts what an incident touches: persons and rows by store and law, with the terms."""
    with writing(context, "privacy incident", config.role, of="incident") as (home, keyring):
        about = incidents.find(home, config.incident)
        since, until = (
            pipeline.instant(at or None, name) for at, name in ((config.since, "since"), (config.until, "until"))
        )
        of = (config.sources, config.kinds, config.loads, config.stores)
        found = incidents.scope(home, keyring, since, until, *of)
        if not config.dry_run:
            incidents.keep_scope(home, keyring, about, found)
        context.add_output_metadata(
            {name: found[name] for name in ("persons", "minors", "staff")}
            | {"due_at": {t["law"]: t["due_at"] for t in about.terms(found)}, "dry_run": config.dry_run}
            | {s["store"]: {"persons": s["persons"], "rows": s["rows"]} for s in found["reached"]["stores"]}
        )


@job("incident_export")
def export_incident(context: dg.OpExecutionContext, config: Told) -> None:
    """Writes what an authority and the persons concerned are told."""
    with writing(context, "privacy incident", config.role, of="incident export") as (home, keyring):
        about = incidents.find(home, config.incident)
        if config.dry_run:
            blanks = len(material(home, keyring, about)["blanks"])
            context.add_output_metadata({"blanks": blanks, "due_at": about.due_at, "dry_run": True})
            return
        done = write_notification(home, keyring, about)
        incidents.keep_export(home, keyring, about, done.path.name, done.sha256)
        context.add_output_metadata({"sha256": done.sha256})


@job("incident_close")
def close_incident(context: dg.OpExecutionContext, config: Ended) -> None:
    """Ends an incident; what happened, what came of it and what was done stay on file."""
    with writing(context, "privacy incident", config.role, of="incident close") as (home, keyring):
        about = incidents.find(home, config.incident)
        if not config.dry_run:
            incidents.close(home, keyring, about, config.outcome)
        context.add_output_metadata({"incident": about.number, "dry_run": config.dry_run})


@dg.definitions
def defs() -> dg.Definitions:
    """Jobs that somebody starts; none has a schedule."""
    return dg.Definitions(jobs=[open_incident, count_incident, export_incident, close_incident])
