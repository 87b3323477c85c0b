"""Widening: rows of the lake get the purposes that a consent, a country or a proof of identity told later grants.

Keep out: letting rows in (protect.py), taking purposes away (withdrawal.py). A row that gains comes in again as a newer
version of itself, with a load of its own, and is audited like any other; its sealed page is not needed. So it does not
matter in which order sources tell what they know.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home, now, write_durably
from orchestration.lake import stage
from orchestration.lake.stage import PART_ROWS, Manifest
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import marks, pseudonyms
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import UNCONSENTED_KINDS, Policy, agreed_country_sql, jurisdiction_sql
from orchestration.privacy.protect import basis_of_rows, prepare_consents
from orchestration.privacy.vault import is_vault_there, open_vault
from orchestration.records import KINDS, Record
from orchestration.sources.contract import Settings


def run(home: Home, keyring: Keyring, sources: Mapping[str, Settings]) -> int:
    """Stage what rows of `sources` gained, a load a source; returns how many rows.

    Nothing is opened where nothing is new.
    The caller holds the home's lock; staged loads were committed before.
    """
    if not is_vault_there(home):
        return 0
    lake = Lake(home, keyring.base64(LAKE_KEY))
    policy = Policy.of(home)
    path = home.folder("ops") / "widening.json"
    con = connect(home.temp)
    widened = 0
    try:
        pseudonyms.install(con, keyring)
        with open_vault(con, home, keyring, read_only=True) as generation:
            state = _state(con, policy, sources)
            if path.exists() and json.loads(path.read_text())["state"] == state:
                return 0
            lake.register(con)
            prepare_consents(con)
            marks.prepare(con)
            _map_subjects(con)
            for settings in sources.values():
                widened += _widen(con, home, lake, settings, policy, generation)
    finally:
        con.close()
    write_durably(path, json.dumps({"state": state}).encode())
    return widened


def _widen(
    con: duckdb.DuckDBPyConnection, home: Home, lake: Lake, settings: Settings, policy: Policy, generation: int
) -> int:
    """Stage the rows of one source that gained, as one load."""
    loaded_at = now().replace(tzinfo=None)
    load_id = f"{loaded_at:%Y%m%dT%H%M%S}{loaded_at.microsecond // 1000:03d}-{secrets.token_hex(3)}-{settings.name}"
    manifest = Manifest(load_id, settings.name, loaded_at.isoformat(), settings.about, vault_generation=generation)
    for kind in settings.kinds:
        record = KINDS[kind]
        is_held = any(p["source"] == settings.name for p in lake.part_entries(kind))
        if not record.has_person or kind in UNCONSENTED_KINDS or not is_held:
            continue
        n = _find_gains(con, settings, policy, record)
        for start in range(0, n, PART_ROWS):
            rows = f"number >= {start} AND number < {start + PART_ROWS}"
            stage.write_part(con, home, manifest, kind, _gained_sql(settings, policy, kind, load_id, loaded_at, rows))
        manifest.count("rows", kind, "widened", n)
        manifest.count("rows", kind, "staged", n)
    if manifest.parts:
        stage.finish(home, manifest)
    return sum(part.rows for part in manifest.parts)


def _find_gains(con: duckdb.DuckDBPyConnection, settings: Settings, policy: Policy, record: Record) -> int:
    """Temp table `_gains` (content_hash, version, number and what the row is granted now); how many.

    Judged is the newest version of each content, by its purposes that are named still. A row that told its country
    keeps that law.
    """
    named = policy.named_sql({settings.name: settings}, "", record)
    event = f"{identifier(record.event_time)}::TIMESTAMP" if record.event_time else "NULL::TIMESTAMP"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _batch AS
        SELECT row_number() OVER () AS _row_no, subject_key AS _who, jurisdiction, content_hash,
            list_filter(purposes, lambda p: list_contains({named}, {marks.bare_purpose("p")})) AS purposes,
            loaded_at AS version, coalesce({event}, loaded_at) AS event_at
        FROM lake.{identifier(record.kind)} WHERE source = {literal(settings.name)} AND subject_key IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY loaded_at DESC) = 1
        """
    )
    con.execute(f"DELETE FROM _batch WHERE len(purposes) >= {len(policy.purposes_of(settings))}")
    law = f"coalesce(nullif(c.jurisdiction, 'unknown'), {jurisdiction_sql('m.country')})"
    con.execute(basis_of_rows(settings, policy, record, "c.event_at", law))
    marks.strike(con)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _gains AS
        SELECT c.content_hash, c.version, row_number() OVER () - 1 AS number, b.jurisdiction, b.basis, b.purposes, b.consent_ref
        FROM _batch c JOIN _basis b ON b.row_no = c._row_no
        WHERE b.reason IS NULL AND len(b.purposes) > len(c.purposes)
        """
    )
    con.execute("DROP TABLE _batch; DROP TABLE _basis")
    row = con.execute("SELECT count(*) FROM _gains").fetchone()
    return int(row[0]) if row else 0


def _gained_sql(settings: Settings, policy: Policy, kind: str, load_id: str, loaded_at: datetime, chosen: str) -> str:
    return f"""
        SELECT l.* REPLACE (
            coalesce(g.jurisdiction, 'unknown') AS jurisdiction, g.basis AS basis, g.purposes AS purposes,
            g.consent_ref AS consent_ref, {literal(policy.version_for(settings))} AS policy_version,
            {literal(load_id)} AS load_id, TIMESTAMP '{loaded_at}' AS loaded_at
        )
        FROM lake.{identifier(kind)} l JOIN (SELECT * FROM _gains WHERE {chosen}) g
        ON l.content_hash = g.content_hash AND l.loaded_at = g.version
        WHERE l.source = {literal(settings.name)}
    """


def _map_subjects(con: duckdb.DuckDBPyConnection) -> None:
    """Temp table `_subject_map` as resolve.py makes it, of everybody the vault knows.

    Who is the pseudonym as written.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _subject_map AS
        WITH person AS (
            SELECT current_id, {agreed_country_sql("country")} AS country, bool_or(is_minor) AS is_minor FROM vault.subject GROUP BY 1
        )
        SELECT hmac_pseudonym_person(s.subject_id) AS who, s.subject_id AS written_id, s.current_id AS subject_id,
            p.country, p.is_minor
        FROM vault.subject s JOIN person p USING (current_id)
        """
    )


def _state(con: duckdb.DuckDBPyConnection, policy: Policy, sources: Mapping[str, Settings]) -> str:
    """What the outcome depends on.

    Every word of consent, who is who and from where, what was struck out, the policy.
    """
    row = con.execute(
        "SELECT (SELECT coalesce(bit_xor(hash(c)), 0) FROM vault.consent c), (SELECT count(*) FROM vault.consent), "
        "(SELECT coalesce(bit_xor(hash(subject_id, current_id, country, is_minor)), 0) FROM vault.subject), "
        "(SELECT coalesce(bit_xor(hash(r)), 0) FROM vault.restriction r)"
    ).fetchone()
    told = [str(v) for v in row or ()] + [policy.version_for(s) for _, s in sorted(sources.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
