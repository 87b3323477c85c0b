"""Guard: one load from sealed pages to staged, protected batches: conform, resolve, protect, stage.

Keep out: SQL of each of these steps (their own modules) and anything after staging.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.errors import VoicehouseError, is_disk_full
from orchestration.home import Home, now
from orchestration.lake import stage
from orchestration.lake.stage import Manifest
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing.pages import Load, open_load
from orchestration.privacy import erased, heeded, marks, names_left, ner, of_case, pseudonyms, refusals
from orchestration.privacy.conform import Conformed, conform
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.protect import (
    Protected,
    content_hash_sql,
    prepare_consents,
    prepare_names,
    prepare_unproved,
    protect,
    text_bytes_sql,
)
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.resolve import collect, resolve
from orchestration.privacy.scratch import Scratch, scratch
from orchestration.privacy.sweep import derive_deletions
from orchestration.privacy.vault import open_vault, publish_later
from orchestration.records import KINDS
from orchestration.sources.contract import Settings

GATE_MEMORY = "1GB"  # for DuckDB; what is more goes to encrypted files


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


def guard(home: Home, keyring: Keyring, settings: Settings, load: Load, again: refusals.Again | None = None) -> Guarded:
    """Bring one load from landing to staging, part by part. Repeatable: a second time stages what the first did.

    `again`: rows of a committed load that were refused for want of a basis or consent and are judged anew, because more
    is known of their persons; nothing else of the load is gone over, and its ledger moves each from the reason it was
    counted under.
    Raises ContractError when the source's SQL does not fit, SourceError when its pages do not open, VoicehouseError
    when the vault does not.
    """
    loaded_at = now().replace(tzinfo=None)
    replay = again.replay if again else 0
    policy = Policy.of(home)
    for language in policy.name_models:
        ner.load(language)
    manifest = Manifest(load.load_id, settings.name, loaded_at.isoformat(), settings.about, replay=replay)
    stage.begin(home, manifest)
    lake = Lake(home, keyring.base64(LAKE_KEY))
    con = connect(home.temp, memory_limit=GATE_MEMORY)
    try:
        con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{lake.key}')")
        pseudonyms.install(con, keyring)
        with scratch(con, home.temp) as rows:
            result = None
            if again:
                refusals.show(con, rows, home, keyring, again)
                result = refusals.take_up(con, rows, home, keyring, load, settings.kinds)
            if result is None:
                scales = stage.known_sql(home, lake, "scale")
                result = conform(con, rows, settings, open_load(home, keyring, load), loaded_at, company_scales=scales)
                derive_deletions(con, rows, settings, lake, loaded_at, load.load_id, result)
            held = {
                kind: _find_fresh(con, rows, stage.held_sql(home, lake, manifest, kind), kind, bool(replay))
                for kind in result.kinds
            }
            with open_vault(con, home, keyring) as manifest.vault_generation:
                collect(con, settings.name, result.kinds)
                erased.block(con, home, keyring, settings.name, result.kinds)
                resolution = resolve(con, settings.name, load.load_id, loaded_at.isoformat())
                if not again:  # it told them when it came, and the directory others since
                    _remember_agents(con, lake, settings, result, load.load_id)
                _remember_consents(con, settings, result)
                if "consent" in result.kinds and (nobodys := heeded.remember(con, settings.name)) and not again:
                    manifest.count("rows", "consent", "unread", nobodys, "withdrawal_of_nobody")
                heeded.heed(con)
                for kind in result.kinds:
                    _remember_record_keys(con, settings, kind, load.load_id)
                prepare_consents(con, "SELECT subject_id FROM _subject_map")
                prepare_unproved(con, settings.name)
                refusals.prepare(con, "SELECT written_id FROM _subject_map")
                marks.prepare(con)
                of_case.prepare(con, rows, settings.name, result.kinds, stage.known_sql(home, lake, "case"))
                prepare_names(con, rows)
                if resolution.is_regrouped:
                    publish_later(home)
            # The vault is done with, and no transaction open: what a part is made into goes when the next one comes.
            done = {
                kind: list(_protect_parts(con, rows, home, settings, policy, manifest, kind, loaded_at))
                for kind in result.kinds
            }
            if replay:
                _count_moves(con, manifest, done)
            else:
                _count(manifest, result, held, done)
                _count_unread_countries(con, manifest, result.kinds)
            refusals.keep(con, rows, home, keyring, load, replay, policy.version_for(settings))
        stage.finish(home, manifest)
    except duckdb.Error as error:
        # The engine's words may quote a value.
        what = type(error).__name__
        if is_disk_full(error):
            what = "the disk is full: free space, then run again"
        elif isinstance(error, duckdb.OutOfMemoryException):
            what = "memory is too little: raise VOICEHOUSE_MEMORY_LIMIT, then run again"
        raise VoicehouseError(f"{settings.name}: the gate failed on load {load.load_id} ({what})") from None
    finally:
        con.close()

    def total(measure: str, level: str = "rows") -> int:
        return sum(line["n"] for line in manifest.ledger if line["measure"] == measure and line["level"] == level)

    return Guarded(
        load.load_id,
        settings.name,
        total("read", "records"),
        total("staged"),
        total("rejected"),
        total("duplicate"),
        resolution.subjects,
        resolution.new_subjects,
        resolution.merged,
        sum(part.redactions for parts in done.values() for part in parts),
    )


def _find_fresh(con: duckdb.DuckDBPyConnection, rows: Scratch, held: str | None, kind: str, is_replay: bool) -> int:
    """Rows `fresh_<kind>`: row_no, copies, part of the conformed rows that are to be protected, one of each content.

    Not those the lake holds; of a replay only those refused before. Hashes are compared by their first 128 bits.
    Returns how many rows the lake holds.
    """
    record = KINDS[kind]
    rows.put(
        f"hashed_{kind}",
        f"SELECT _row_no AS row_no, {content_hash_sql(record)} AS content_hash, {text_bytes_sql(record)} AS size "
        f"FROM conformed_{kind}",
    )
    hashed = f"(SELECT row_no, size, left(content_hash, 32)::UUID AS content FROM hashed_{kind})"
    n_held, source, copies = 0, hashed, "count(*)"
    if held:
        rows.put(
            f"held_{kind}",
            f"SELECT DISTINCT content FROM (SELECT left(content_hash, 32)::UUID AS content FROM ({held})) "
            f"WHERE content IN (SELECT content FROM {hashed})",
        )
        if rows.rows(f"held_{kind}"):
            n_held = _scalar(con, f"SELECT count(*) FROM {hashed} WHERE content IN (FROM held_{kind})")
            source = f"(SELECT * FROM {hashed} WHERE content NOT IN (FROM held_{kind}))"
    if is_replay:
        before = (
            f"SELECT left(content_hash, 32)::UUID AS content, copies FROM refused_before WHERE kind = {literal(kind)}"
        )
        source, copies = f"{source} JOIN ({before}) USING (content)", "any_value(copies)"
    rows.put(
        f"fresh_{kind}",
        f"""
        SELECT row_no, copies, number // {stage.PART_ROWS} + sizes // {stage.PART_TEXT} AS part FROM (
            SELECT row_no, copies, row_number() OVER (ORDER BY row_no) - 1 AS number,
                   (sum(size) OVER (ORDER BY row_no))::BIGINT AS sizes
            FROM (
                SELECT min(row_no) AS row_no, {copies} AS copies, any_value(size) AS size FROM {source} GROUP BY content
            )
        ) ORDER BY row_no
        """,
    )
    return n_held


def _protect_parts(
    con: duckdb.DuckDBPyConnection,
    rows: Scratch,
    home: Home,
    settings: Settings,
    policy: Policy,
    manifest: Manifest,
    kind: str,
    loaded_at: datetime,
) -> Iterator[Protected]:
    """Protect and stage the fresh rows of a kind, one part at a time."""
    parts = con.execute(f"SELECT part, min(row_no), max(row_no) FROM fresh_{kind} GROUP BY 1 ORDER BY 1").fetchall()
    for part, first, last in parts:
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _batch AS
            SELECT c.*, f.copies AS _copies, h.content_hash AS _content
            FROM conformed_{kind} c
            JOIN (SELECT * FROM fresh_{kind} WHERE part = {part}) f ON f.row_no = c._row_no
            JOIN (SELECT * FROM hashed_{kind} WHERE row_no BETWEEN {first} AND {last}) h ON h.row_no = c._row_no
            WHERE c._row_no BETWEEN {first} AND {last}
            """
        )
        protected = protect(con, settings, policy, kind, manifest.load_id, loaded_at)
        if protected.rows:
            stage.write_part(con, home, manifest, kind, f"SELECT * FROM protected_{kind}")
        rows.add("refused", f"SELECT {literal(kind)} AS kind, * FROM _refused")
        if not manifest.replay:
            refusals.set_aside(con, rows, kind)
        con.execute(f"DROP VIEW protected_{kind}; DROP TABLE _judged; DROP TABLE _batch; DROP TABLE _refused")
        yield protected


def _count(manifest: Manifest, result: Conformed, held: Mapping[str, int], done: Mapping[str, list[Protected]]) -> None:
    """What became of every record and row of the load."""
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
        manifest.count("rows", kind, "duplicate", held[kind] + sum(p.duplicates for p in done[kind]))
        manifest.count("rows", kind, "staged", sum(p.rows for p in done[kind]))
        for reason, n in sorted((Counter(result.rejected[kind]) + _refused(done[kind])).items()):
            manifest.count("rows", kind, "rejected", n, reason)


def _count_unread_countries(con: duckdb.DuckDBPyConnection, manifest: Manifest, kinds: list[str]) -> None:
    """Rows whose country is written, and is none that is known: they are judged as of nobody knows where."""
    for kind in kinds:
        if KINDS[kind].has_person:
            rows = (
                f"SELECT count(*) FROM conformed_{kind} JOIN _countries ON written = person_country WHERE code IS NULL"
            )
            manifest.count("rows", kind, "unread", _scalar(con, rows), "person_country")


def _count_moves(con: duckdb.DuckDBPyConnection, manifest: Manifest, done: Mapping[str, list[Protected]]) -> None:
    """A replay: each row it took up leaves the reason it was counted under, for the lake or for another reason."""
    for kind, parts in done.items():
        manifest.count("rows", kind, "duplicate", sum(p.duplicates for p in parts))
        manifest.count("rows", kind, "staged", sum(p.rows for p in parts))
        moved = _refused(parts)
        moved.subtract(
            dict(
                con.execute(
                    "SELECT reason, sum(copies)::BIGINT FROM refused_before WHERE kind = ? AND content_hash IN "
                    f"(SELECT content_hash FROM hashed_{kind} JOIN fresh_{kind} USING (row_no)) GROUP BY 1",
                    [kind],
                ).fetchall()
            )
        )
        for reason, n in sorted(moved.items()):
            manifest.count("rows", kind, "rejected", n, reason)


def _refused(parts: list[Protected]) -> Counter[str]:
    return sum((Counter(p.rejected) for p in parts), Counter())


def _scalar(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _remember_agents(
    con: duckdb.DuckDBPyConnection, lake: Lake, settings: Settings, result: Conformed, load_id: str
) -> None:
    """Names of staff into the vault, for redaction of the texts they write and receive.

    With the load that told them first; where an earlier release kept none, the one of the lake's row.
    They are known from here on, whatever becomes of the batch of the directory.
    """
    if "agent" not in result.kinds:
        return
    undated = _scalar(con, "SELECT count(*) FROM vault.agent WHERE first_load IS NULL")
    dated = names_left.dated_by_row(lake.relation_sql("agent") if undated else lake.read_sql("agent", []))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _agents AS
        WITH told AS (
            SELECT hmac_pseudonym_agent({scoped("agent_id", settings.name, "agent.id")}) AS agent_key,
                   list_distinct(list(agent_name) FILTER (agent_name IS NOT NULL)) AS names,
                   list_distinct(list(agent_email) FILTER (agent_email IS NOT NULL)) AS emails, any_value(agent_id) AS original
            FROM conformed_agent WHERE agent_id IS NOT NULL GROUP BY 1
        )
        SELECT t.*, CASE WHEN list_has_all(v.names, t.names) THEN coalesce(v.first_load, d.load_id, {literal(load_id)})
                    ELSE {literal(load_id)} END AS first_load
        FROM told t LEFT JOIN vault.agent v USING (agent_key) LEFT JOIN ({dated}) d USING (agent_key)
        """
    )
    con.execute("DELETE FROM vault.agent WHERE agent_key IN (SELECT agent_key FROM _agents)")
    con.execute("INSERT INTO vault.agent BY NAME SELECT * FROM _agents")


def _remember_consents(con: duckdb.DuckDBPyConnection, settings: Settings, result: Conformed) -> None:
    if "consent" not in result.kinds:
        return
    ref = f"hmac_record_key({scoped('c.consent_id', settings.name, 'consent')})"
    con.execute(
        f"""
        INSERT INTO vault.consent
        SELECT m.written_id, c.purpose, c.action, coalesce(c.consent_type, 'general'), c.given_at, c.expires_at, {ref},
               coalesce(c.notice_version, '')
        FROM conformed_consent c JOIN _subject_map m ON m.who = c._who
        WHERE m.written_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM vault.consent v WHERE v.consent_ref = {ref} AND v.action = c.action AND v.given_at = c.given_at
            AND (c.action = 'grant' OR v.subject_id = m.written_id)
            AND v.expires_at IS NOT DISTINCT FROM c.expires_at AND v.purpose = c.purpose
            AND v.notice_version = coalesce(c.notice_version, ''))
        """
    )


def _remember_record_keys(con: duckdb.DuckDBPyConnection, settings: Settings, kind: str, load_id: str) -> None:
    """The way back from a keyed hash to the source's record, for follow-up.

    Only what names records of the kind itself. Whose a record is may be told by a later row of it.
    """
    record = KINDS[kind]
    for f in record.own_keys:
        value = scoped(f"c.{identifier(f.name)}", settings.name, str(f.domain))
        subject = "m.written_id" if record.has_person else "NULL::VARCHAR"
        people = "LEFT JOIN _subject_map m ON m.who = c._who" if record.has_person else ""
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _told_keys AS
            SELECT '{f.domain}' AS domain, '{settings.name}' AS source, hmac_record_key({value}) AS key_hash,
                   any_value(c.{identifier(f.name)}) AS original, any_value({subject}) AS subject_id,
                   {literal(load_id)} AS first_load
            FROM conformed_{kind} c JOIN fresh_{kind} n ON n.row_no = c._row_no {people}
            WHERE c.{identifier(f.name)} IS NOT NULL
            AND c._row_no NOT IN (SELECT row_no FROM _erased_rows WHERE kind = '{kind}') GROUP BY key_hash;
            CREATE OR REPLACE TEMP TABLE _held_keys AS
            SELECT key_hash, subject_id FROM vault.record_key
            WHERE domain = '{f.domain}' AND key_hash IN (SELECT key_hash FROM _told_keys);
            CREATE OR REPLACE TEMP TABLE _told_later AS
            SELECT key_hash, t.subject_id FROM _told_keys t JOIN _held_keys h USING (key_hash)
            WHERE h.subject_id IS NULL AND t.subject_id IS NOT NULL;
            INSERT INTO vault.record_key BY NAME FROM _told_keys WHERE key_hash NOT IN (SELECT key_hash FROM _held_keys)
            """
        )
        if _scalar(con, "SELECT count(*) FROM _told_later"):
            con.execute(
                "UPDATE vault.record_key SET subject_id = t.subject_id FROM _told_later t "
                f"WHERE domain = '{f.domain}' AND t.key_hash = record_key.key_hash"
            )
