"""Operations on the house's stores as jobs: exports, retention, keys, the vault, reports and their sign-off, canaries.

Keep out: the operations themselves, and anybody's data: run configuration is kept by Dagster. Metadata are counts.
"""

from dataclasses import asdict
from pathlib import Path

import dagster as dg

from orchestration import canary, pipeline
from orchestration.defs.started import Reason, job, writing
from orchestration.privacy import answers, rotation, vault
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.policy import Policy
from orchestration.serving.dpia import material, write_dpia
from orchestration.serving.export import export


class Leaving(dg.Config):
    """Which rows go to whom, for what; `out`: the file they go to, needed unless `dry_run`.

    `quasi`: the quasi-identifiers to export, all of the dataset's unless told; `leave_out` drops classes that are too
    small.
    """

    dataset: str
    recipient: str
    purpose: str
    out: str = ""
    quasi: list[str] = []
    leave_out: bool = False
    dry_run: bool = False
    role: str = "analyst"


class Dry(dg.Config):
    """Only count what would go; in which role one asks, and why, without anybody's data."""

    dry_run: bool = False
    role: str = "engineer"
    reason: Reason = "terms"


class Rotation(dg.Config):
    """In which role one asks; `dry_run` only says what would be replaced and written anew."""

    dry_run: bool = False
    role: str = "engineer"


class Signature(dg.Config):
    """The hash of the report that was read; a remark that goes into it, nobody's data. The role signs, by its name."""

    sha256: str
    role: str = "compliance"
    remark: str = ""
    dry_run: bool = False


class Assessment(dg.Config):
    """`dry_run` only counts the sources of the record, and what is lacking in it."""

    dry_run: bool = False


class Reported(dg.Config):
    """`dry_run` only says whether a new report would be written, and its hash."""

    dry_run: bool = False


class Proof(dg.Config):
    """`dry_run` only says how many made-up persons would be sent."""

    dry_run: bool = False


class Anew(dg.Config):
    """`yes`: nobody known so far shall ever be found again; `dry_run` only says the generation of the new vault."""

    yes: bool = False
    dry_run: bool = False
    role: str = "engineer"


@job("rows_export")
def export_rows(context: dg.OpExecutionContext, config: Leaving) -> None:
    """Exports rows to a recipient of policy.toml under k, l and t, with a receipt; or refuses with the reasons."""
    with writing(context, "export", config.role) as (home, keyring):
        if not (config.out or config.dry_run):
            raise dg.Failure("say to which file the rows go (out), or try it dry (dry_run)")
        con = pipeline.open_warehouse(home, keyring)
        try:
            done = export(
                con, home, config.dataset, recipient=config.recipient, role=config.role, purpose=config.purpose,
                into=None if config.dry_run else Path(config.out), quasi=config.quasi, leave_out=config.leave_out,
            )  # fmt: skip
        finally:
            con.close()
        found = done.anonymity
        context.add_output_metadata(
            {
                "rows": found.rows,
                "k": found.k_persons,
                "l": found.l_values,
                "t": found.t_distance,
                "left_out": done.left_out,
            }
        )


@job("retention_run")
def expire(context: dg.OpExecutionContext, config: Dry) -> None:
    """Deletes what is past its term, and what rests on a withdrawn consent."""
    with writing(context, "retention run", config.role) as (home, keyring):
        said = "retention run, dry run" if config.dry_run else "retention run"
        AuditLog(home, keyring).append(said, role=config.role, reason=config.reason)
        withdrawn, expired = pipeline.let_go(home, keyring, config.dry_run)
        copies = answers.expire(home, Policy.of(home).landing_days, config.dry_run)
        told = {**asdict(expired), "withdrawn": withdrawn.rows, "copies": copies, "dry_run": config.dry_run}
        context.add_output_metadata(told)


@job("keys_rotate")
def rotate(context: dg.OpExecutionContext, config: Rotation) -> None:
    """Replaces every kind of key; models and served files are made anew."""
    with writing(context, "keys rotate", config.role) as (home, keyring):
        log = AuditLog(home, keyring)
        if config.dry_run:
            log.append("keys rotate, dry run", role=config.role)
            purposes, files = rotation.planned(home)
            context.add_output_metadata({"keys": ", ".join(purposes), "files": files, "dry_run": True})
            return
        log.append("keys rotate", role=config.role)
        done, failed = pipeline.rotate_keys(home, keyring)
        context.add_output_metadata(asdict(done))
        if failed or not done.is_sound:
            raise dg.Failure("the rotation is not sound, or what was to be served failed its checks")


@job("privacy_report")
def write_report(context: dg.OpExecutionContext, config: Reported) -> None:
    """Writes the privacy report of what is served, or waits for its sign-off, anew."""
    with writing(context, "privacy report") as (home, keyring):
        done = pipeline.report_privacy(home, keyring, config.dry_run)
        context.add_output_metadata({"sha256": done.sha256, "new": done.is_new, "dry_run": config.dry_run})


@job("privacy_dpia")
def write_material(context: dg.OpExecutionContext, config: Assessment) -> None:
    """Writes the record of processing and the material for an impact assessment."""
    with writing(context, "privacy dpia") as (home, keyring):
        if config.dry_run:
            found = material(home, keyring, pipeline.whole_sources(home))
            counts = {"sources": len(found["record"]["sources"]), "lacking": len(found["lacking"])}
            context.add_output_metadata({**counts, "dry_run": True})
            return
        done = write_dpia(home, keyring, pipeline.whole_sources(home))
        context.add_output_metadata({"sha256": done.sha256})


@job("privacy_sign_off")
def sign(context: dg.OpExecutionContext, config: Signature) -> None:
    """Signs the privacy report that was read, if it is the newest; what waits for it is served.

    The signature is the role's: whose it is has to be told on the command line; a run of Dagster is nobody's by name.
    """
    with writing(context, "privacy sign-off", config.role) as (home, keyring):
        if not config.sha256:
            raise dg.Failure("say which report was read (sha256)")
        if config.dry_run:
            path, _ = pipeline.to_sign(home, config.sha256)
            context.add_output_metadata({"report": path.stem, "dry_run": True})
            return
        report, line, served = pipeline.sign(home, keyring, config.role, config.remark, config.sha256)
        context.add_output_metadata({"report": report, "audit_line": line, "served": served})


@job("vault_reinit")
def start_vault(context: dg.OpExecutionContext, config: Anew) -> None:
    """Starts a new vault where the old is lost: history stays, its persons are nobody the new vault knows."""
    with writing(context, "vault reinit", config.role) as (home, keyring):
        generation = vault.next_epoch(home)
        if not (config.dry_run or config.yes):
            raise dg.Failure(
                "persons known so far can then never be found, told or erased by name: say yes, or dry_run"
            )
        if not config.dry_run:
            generation = vault.reinit(home, keyring)
        context.add_output_metadata({"generation": generation, "dry_run": config.dry_run})


@job("privacy_canary")
def send_canaries(context: dg.OpExecutionContext, config: Proof) -> None:
    """Sends made-up persons through every step and looks for them in every artefact: check C6."""
    if config.dry_run:
        context.add_output_metadata({"dry_run": True, "persons": len(canary.hatch())})
        return
    with writing(context, "privacy canary") as (home, _):
        found = canary.prove(home)
        context.add_output_metadata({"files": found.files, "columns": found.columns, "found": len(found.found)})
        if found.found:
            raise dg.Failure("canaries were found: see check C6")


@dg.definitions
def defs() -> dg.Definitions:
    """Jobs that somebody starts; none has a schedule."""
    return dg.Definitions(
        jobs=[export_rows, expire, rotate, write_report, write_material, sign, start_vault, send_canaries]
    )
