"""Guard: one load from sealed pages to staged, protected batches: conform, resolve, protect, stage.

Keep out: SQL of each of these steps (their own modules) and anything after staging.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.engine import connect, identifier
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now
from orchestration.lake import stage
from orchestration.lake.stage import Manifest
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing.pages import Load, open_load
from orchestration.privacy import pseudonyms, redaction
from orchestration.privacy.conform import Conformed, conform
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.protect import prepare_consents, prepare_names, protect
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.resolve import collect, resolve
from orchestration.privacy.sweep import derive_deletions
from orchestration.privacy.vault import open_vault, publish_subjects
from orchestration.records import KINDS, Privacy
from orchestration.sources.contract import Settings


@dataclass(frozen=True)
class Guarded:
    """What guarding one load came to."""

    load_id: str
    source: str
    read: int
    staged: int
    rejected: int
    duplicates: int
    subjects: int
    new_subjects: int
    merged: int
    redactions: int


def guard(home: Home, keyring: Keyring, settings: Settings, load: Load, replay: int = 0) -> Guarded:
    """Bring one load from landing to staging. Repeatable: a second time stages what the first did.

    `replay` > 0 goes over a committed load again, because consents came since: it stages only rows that were refused
    then and may pass now, and its ledger moves them from rejected to staged.
    Raises ContractError when the source's SQL does not fit, VoicehouseError when pages or vault do not open.
    """
    loaded_at = now().replace(tzinfo=None)
    policy = Policy.of(home)
    manifest = Manifest(load.load_id, settings.name, loaded_at.isoformat(), _about(settings), replay=replay)
    stage.begin(home, manifest)
    lake = Lake(home, keyring.base64(LAKE_KEY))
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        redaction.install(con)
        result = conform(con, settings, open_load(home, keyring, load), loaded_at)
        derive_deletions(con, settings, lake, loaded_at, load.load_id, result)
        with open_vault(con, home, keyring) as manifest.vault_generation:
            collect(con, settings.name, result.kinds)
            resolution = resolve(con, load.load_id, loaded_at.isoformat())
            _remember_agents(con, settings, result)
            _remember_consents(con, settings, result)
            prepare_consents(con)
            prepare_names(con)
            protected = {k: protect(con, settings, policy, k, load.load_id, loaded_at) for k in result.kinds}
            for kind in result.kinds:
                _remember_record_keys(con, settings, kind)
            staged = 0
            if replay:
                for kind in protected:
                    admitted = stage.stage(con, home, lake, manifest, kind)
                    manifest.ledger = [line for line in manifest.ledger if line["measure"] != "duplicate"]
                    manifest.count("rows", kind, "rejected", -admitted, "no_consent")
                    staged += admitted
            else:
                _count(manifest, result)
                for kind, done in protected.items():
                    for reason, n in done.rejected.items():
                        manifest.count("rows", kind, "rejected", n, reason)
                    staged += stage.stage(con, home, lake, manifest, kind)
            if resolution.is_regrouped:
                publish_subjects(con, lake)
        stage.finish(home, manifest)
    except duckdb.Error as error:
        # The engine's words may quote a value.
        raise VoicehouseError(
            f"{settings.name}: the gate failed on load {load.load_id} ({type(error).__name__})"
        ) from None
    finally:
        con.close()

    def total(measure: str, level: str = "rows") -> int:
        return sum(line["n"] for line in manifest.ledger if line["measure"] == measure and line["level"] == level)

    return Guarded(
        load.load_id,
        settings.name,
        total("read", "records"),
        staged,
        total("rejected"),
        total("duplicate"),
        resolution.subjects,
        resolution.new_subjects,
        resolution.merged,
        sum(p.redactions for p in protected.values()),
    )


def _about(settings: Settings) -> dict[str, Any]:
    """What the models need to know of a source."""
    return {
        "observed_until": settings.observed_until.isoformat() if settings.observed_until else None,
        "is_public_set": settings.public_set,
        "timezone": settings.timezone,
        "name_zh": settings.name_zh,
        "name_en": settings.name_en,
    }


def _count(manifest: Manifest, result: Conformed) -> None:
    for stream, count in result.streams.items():
        manifest.count("records", stream, "read", count.read)
        manifest.count("records", stream, "conformed", count.conformed)
        manifest.count("records", stream, "reference", count.reference)
        for reason, n in count.rejected.items():
            manifest.count("records", stream, "rejected", n, reason)
        for column, n in count.unselected.items():
            manifest.count("records", stream, "unselected", n, column)
    for kind in result.kinds:
        manifest.count("rows", kind, "emitted", result.emitted[kind])
        for reason, n in result.rejected[kind].items():
            manifest.count("rows", kind, "rejected", n, reason)


def _remember_agents(con: duckdb.DuckDBPyConnection, settings: Settings, result: Conformed) -> None:
    """Names of staff into the vault, for redaction of the texts they write and receive."""
    if "agent" not in result.kinds:
        return
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _agents AS
        SELECT hmac_pseudonym_agent({scoped("agent_id", settings.name, "agent.id")}) AS agent_key,
               list_distinct(list(agent_name) FILTER (agent_name IS NOT NULL)) AS names,
               list_distinct(list(agent_email) FILTER (agent_email IS NOT NULL)) AS emails, any_value(agent_id) AS original
        FROM conformed_agent WHERE agent_id IS NOT NULL GROUP BY 1
        """
    )
    con.execute("DELETE FROM vault.agent WHERE agent_key IN (SELECT agent_key FROM _agents)")
    con.execute("INSERT INTO vault.agent SELECT * FROM _agents")


def _remember_consents(con: duckdb.DuckDBPyConnection, settings: Settings, result: Conformed) -> None:
    if "consent" not in result.kinds:
        return
    ref = f"hmac_record_key({scoped('c.consent_id', settings.name, 'consent')})"
    con.execute(
        f"""
        INSERT INTO vault.consent
        SELECT m.written_id, c.purpose, c.action, coalesce(c.consent_type, 'general'), c.given_at, c.expires_at, {ref}
        FROM conformed_consent c JOIN _subject_map m ON m.kind = 'consent' AND m.row_no = c._row_no
        WHERE m.written_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM vault.consent v WHERE v.consent_ref = {ref} AND v.action = c.action AND v.given_at = c.given_at
            AND v.expires_at IS NOT DISTINCT FROM c.expires_at AND v.purpose = c.purpose)
        """
    )


def _remember_record_keys(con: duckdb.DuckDBPyConnection, settings: Settings, kind: str) -> None:
    """The way back from a keyed hash to the source's record, for follow-up; only the kind's own key."""
    record = KINDS[kind]
    own = [record.field(k) for k in record.key if record.field(k).privacy is Privacy.RECORD_KEY]
    for f in own:
        value = scoped(f"c.{identifier(f.name)}", settings.name, str(f.domain))
        subject = "m.written_id" if record.has_person else "NULL"
        people = f"LEFT JOIN _subject_map m ON m.kind = '{kind}' AND m.row_no = c._row_no" if record.has_person else ""
        con.execute(
            f"""
            INSERT INTO vault.record_key
            SELECT * FROM (
                SELECT '{f.domain}', '{settings.name}', hmac_record_key({value}) AS key_hash, any_value(c.{identifier(f.name)}),
                       any_value({subject})
                FROM conformed_{kind} c {people} GROUP BY 3
            ) n WHERE NOT EXISTS (SELECT 1 FROM vault.record_key v WHERE v.key_hash = n.key_hash)
            """
        )
