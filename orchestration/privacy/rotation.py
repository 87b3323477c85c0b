"""Rotation: every kind of key replaced at once; the same rows, the same subjects, and no pseudonym of before left.

Keep out: keeping keys (keys.py) and building the models anew. What is written comes first, under fresh keys that
nothing uses yet; the commit of the rewritten lake lets them count; Keyring then moves the other files into place. Cut
short before the commit, nothing has happened; after it, whoever opens the keyring next completes it.
Not rotated: the key of the erased list, which has to know persons for good; the key of file ids, by which records
without a number of their own are counted (docs/decisions/0024); the master key, which wraps all (rewrap.py).
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.engine import connect, identifier, literal
from orchestration.errors import SourceError, VoicehouseError
from orchestration.home import Home
from orchestration.lake import rewrite as rewriting
from orchestration.lake import stage
from orchestration.lake.quarantine import batches
from orchestration.lake.rewrite import NEXT_KEY, Change
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake, live_paths
from orchestration.landing.extract import waiting
from orchestration.landing.pages import KEY, refusals, sealed_anew
from orchestration.privacy import answers, evidence, pseudonyms
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.marks import MARK, STAFF
from orchestration.privacy.refusals import prove
from orchestration.privacy.unlinkable import EXPORTS
from orchestration.privacy.vault import SCHEMA, check_format, seal_identities, unseal_identities
from orchestration.records import KINDS, Privacy, Record
from orchestration.serving import postgres
from orchestration.serving.history import KEY as HISTORY_KEY

HASHES = pseudonyms.PURPOSES  # the old key goes on as the inner of two
REPLACED = (LAKE_KEY, "vault", "warehouse", "team", HISTORY_KEY, answers.KEY)
ADDED = ("audit",)  # lines of before are verified with the key of then
RESEALED_AT_ONCE = 50_000


@dataclass(frozen=True)
class Rotated:
    """What a rotation found before and after; equal but for `dead`: pseudonyms of before that are anywhere still."""

    commit: str
    rows_before: int
    rows_after: int
    subjects_before: int
    subjects_after: int
    dead: int

    @property
    def is_sound(self) -> bool:
        return (self.rows_before, self.subjects_before, self.dead) == (self.rows_after, self.subjects_after, 0)


def planned(home: Home) -> tuple[tuple[str, ...], int]:
    """What a rotation would replace: the kinds of keys, and how many files of the lake it would write anew."""
    return (*HASHES, *REPLACED, *ADDED, KEY.rstrip(":"), EXPORTS.rstrip(".")), len(live_paths(home))


def rotate(home: Home, keyring: Keyring) -> Rotated:
    """Replace every key of HASHES, REPLACED and ADDED, of every load's sealed pages, and of every recipient's exports.

    The caller holds the home's lock, and builds the models after.
    Raises VoicehouseError while staged loads, or pages with dlt, wait: they were made with the keys of now.
    """
    if stage.staged(home):
        raise VoicehouseError("staged loads wait: run `voicehouse run` first, then rotate")
    if sources := waiting(home):
        raise VoicehouseError(f"pages of {', '.join(sources)} wait with dlt: run `voicehouse run` first, then rotate")
    keyring.abandon()
    replaced = (*REPLACED, *(purpose for purpose in keyring.purposes() if purpose.startswith((KEY, EXPORTS))))
    fresh = {purpose: secrets.token_bytes(32) for purpose in (*HASHES, *replaced, *ADDED)}
    commit = rewriting.commit_name("rotation")
    log = AuditLog(home, keyring)
    log.append("rotation begun", commit=commit)
    con = connect(home.temp)
    try:
        for purpose in pseudonyms.PURPOSES:
            pseudonyms.install_macro(con, "next_" + purpose.replace(".", "_"), [fresh[purpose]])
        pseudonyms.install(con, keyring)
        lake = Lake(home, keyring.base64(LAKE_KEY))
        lake.register(con)
        key = base64.b64encode(fresh[LAKE_KEY]).decode()
        con.execute(f"PRAGMA add_parquet_key('{NEXT_KEY}', '{key}')")
        rows, subjects = _tally(con)
        con.execute(f"CREATE TEMP TABLE _old_keys AS {_hashes()}")
        moves = {
            **_vault(con, home, keyring, fresh["vault"]),
            **_subjects(con, home),
            **_batches(con, home, lake),
            **sealed_anew(home, keyring, fresh),
            **_refusals(con, home, keyring, fresh),
            **_published(con, home, keyring, fresh[HISTORY_KEY]),
            **answers.sealed_anew(home, keyring, fresh[answers.KEY]),
        }
        keyring.prepare(fresh, replaced=replaced, commit=f"lake/_rewrites/{commit}.json", moves=moves)
        changes = {kind: change(record) for kind, record in KINDS.items()}
        _remove_made(home)
        rewriting.rewrite(con, lake, "rotation", changes, {}, next_key=key, commit=commit)
        keyring.complete()
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        rows_after, subjects_after = _tally(con)
        dead = _number(con, f"SELECT count(*) FROM ({_hashes()}) WHERE key IN (FROM _old_keys)")
    finally:
        con.close()
    done = Rotated(commit, rows, rows_after, subjects, subjects_after, dead)
    log.append("rotation", commit=commit, rows=rows_after, subjects=subjects_after, dead=dead)
    evidence.note(
        home, "C18", rows_after, abs(rows - rows_after) + abs(subjects - subjects_after) + dead,
        f"rows and {subjects_after} subjects counted before and after the last rotation; pseudonyms of before found after",
    )  # fmt: skip
    return done


def _remove_made(home: Home) -> None:
    """Remove, durably, what is made from the lake under keys that go.

    A death after the commit must not leave it under them.
    The next run makes models and served rows; looks back are made when they are asked for again.
    """
    home.remove_warehouse()
    postgres.take_out_restricted(home)


def change(record: Record) -> Change:
    """Every keyed hash of a kind's rows under the next key too."""
    becomes = {"subject_key": "next_pseudonym_person(subject_key)", "consent_ref": "next_record_key(consent_ref)"}
    becomes["unproved_key"] = "next_pseudonym_person(unproved_key)"
    becomes["content_hash"] = "next_content(content_hash)"
    for f in record.fields:
        name = identifier(str(f.protected_name))
        if f.privacy is Privacy.RECORD_KEY:
            becomes[str(f.protected_name)] = (
                f"list_transform({name}, lambda k: next_record_key(k))"
                if f.type == "strings"
                else f"next_record_key({name})"
            )
        elif f.privacy is Privacy.IDENTIFIER and f.protected_name:
            becomes[f.protected_name] = _next_agent(name, MARK)
    return Change(becomes=becomes, concerns="true")


def _next_agent(key: str, before: str, others: str = "") -> str:
    """SQL: the next key of a member of staff where `before` stands in front of it.

    What it does not: `others`, or the next too.
    """
    inner = f"substr({key}, {len(before) + 1})"
    rest = others or f"next_pseudonym_agent({key})"
    return f"CASE WHEN starts_with({key}, '{before}') THEN '{before}' || next_pseudonym_agent({inner}) ELSE {rest} END"


def _keys() -> str:
    return " UNION ALL ".join(
        f"SELECT subject_key FROM lake.{identifier(k)} WHERE subject_key IS NOT NULL"
        for k, r in KINDS.items()
        if r.has_person
    )


def _hashes() -> str:
    """Every pseudonym of a person, proved or not, that a row carries."""
    return " UNION ".join(
        f"SELECT unnest([subject_key, unproved_key]) AS key FROM lake.{identifier(k)}"
        for k, r in KINDS.items()
        if r.has_person
    )


def _tally(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Rows of the lake, and subjects as they stand after merges."""
    rows = sum(_number(con, f"SELECT count(*) FROM lake.{identifier(k)}") for k in KINDS)
    subjects = _number(
        con,
        f"""
        WITH told AS (SELECT subject_key, arg_max_null(current_subject_key, valid_from) AS now FROM lake._subjects GROUP BY 1)
        SELECT count(DISTINCT CASE WHEN t.subject_key IS NULL THEN k.subject_key ELSE t.now END)
        FROM ({_keys()}) k LEFT JOIN told t USING (subject_key)
        """,
    )
    return rows, subjects


def _vault(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, key: bytes) -> dict[Path, Path]:
    """The vault in a new file: new hashes, identities sealed under new keys of their subjects."""
    path = home.folder("vault") / "vault.duckdb"
    if not path.exists():
        return {}
    draft = path.with_name("vault.rotated")
    draft.unlink(missing_ok=True)
    old = keyring.hex("vault")
    con.execute(f"ATTACH {literal(str(path))} AS vault (ENCRYPTION_KEY '{old}', ENCRYPTION_CIPHER 'GCM')")
    check_format(con)
    con.execute("CHECKPOINT vault")  # a log that a death left beside the old file would not open with the new one
    con.execute(f"ATTACH {literal(str(draft))} AS fresh (ENCRYPTION_KEY '{key.hex()}', ENCRYPTION_CIPHER 'GCM')")
    con.execute(SCHEMA.replace("vault.", "fresh."))
    for table, replaced in {
        "record_key": "next_record_key(key_hash) AS key_hash",
        "consent": "next_record_key(consent_ref) AS consent_ref",
        "withdrawal": "next_blind_index(index_hash) AS index_hash, next_record_key(consent_ref) AS consent_ref",
        "shared": "next_blind_index(index_hash) AS index_hash",
        "agent": "next_pseudonym_agent(agent_key) AS agent_key",
        "merge": "",
        "generation": "",
        "request": f"list_transform(subject_ids, lambda i: {_next_agent('i', STAFF, others='i')}) AS subject_ids, "
        f"list_transform(sought, lambda i: {_next_agent('i', STAFF, others='i')}) AS sought, "
        "list_transform(wrong, lambda h: next_blind_index(h)) AS wrong",
        "restriction": f"{_next_agent('subject_id', STAFF, others='subject_id')} AS subject_id",
    }.items():
        columns = f"* REPLACE ({replaced})" if replaced else "*"
        # An earlier vault lacks columns that were added since.
        every = f"FROM vault.{table} UNION ALL BY NAME FROM fresh.{table}"
        con.execute(f"INSERT INTO fresh.{table} BY NAME SELECT {columns} FROM ({every})")
    _reseal(con)
    con.execute("CHECKPOINT fresh")
    con.execute("DETACH fresh")
    con.execute("DETACH vault")
    return {draft: path}


def _reseal(con: duckdb.DuckDBPyConnection) -> None:
    """Subjects with new keys, their identities opened and sealed again, some thousands at a time."""
    total = _number(con, "SELECT coalesce(max(number), 0) FROM vault.subject")
    for start in range(0, total, RESEALED_AT_ONCE):
        span = f"s.number > {start} AND s.number <= {start + RESEALED_AT_ONCE}"
        ids = con.execute(f"SELECT subject_id FROM vault.subject s WHERE {span}").to_arrow_table()
        random = secrets.token_bytes(32 * ids.num_rows)
        secrets_of = [random[i : i + 32] for i in range(0, len(random), 32)]
        con.register("_secrets", ids.append_column("fresh_secret", pa.array(secrets_of, pa.binary())))
        con.execute(
            "INSERT INTO fresh.subject SELECT s.* REPLACE (n.fresh_secret AS secret, array_to_string(list_sort("
            "list_transform(string_split(s.anchor, '+'), lambda h: next_blind_index(h))), '+') AS anchor) "
            "FROM vault.subject s JOIN _secrets n USING (subject_id)"
        )
        rows = con.execute(
            "SELECT v.*, s.secret, n.fresh_secret, next_blind_index(v.index_hash) AS fresh_hash FROM vault.identity v "
            f"JOIN vault.subject s USING (subject_id) JOIN _secrets n USING (subject_id) WHERE {span}"
        ).to_arrow_table()
        values = unseal_identities(rows)
        anew = pa.table({"secret": rows["fresh_secret"], "index_hash": rows["fresh_hash"], "value": values})
        con.register(
            "_resealed",
            rows.drop(["sealed", "secret", "fresh_secret", "index_hash"]).append_column(
                "sealed", seal_identities(anew)
            ),
        )
        con.execute(
            "INSERT INTO fresh.identity BY NAME "
            "SELECT subject_id, domain, fresh_hash AS index_hash, is_proving, sealed, first_load, is_sought FROM _resealed"
        )
        con.unregister("_resealed")
        con.unregister("_secrets")


def _subjects(con: duckdb.DuckDBPyConnection, home: Home) -> dict[Path, Path]:
    path = home.lake / SUBJECTS_FILE
    if not path.exists():
        return {}
    select = (
        "SELECT * REPLACE (next_pseudonym_person(subject_key) AS subject_key, "
        "next_pseudonym_person(current_subject_key) AS current_subject_key) FROM lake._subjects"
    )
    return _copied(con, select, path, NEXT_KEY)


def _batches(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake) -> dict[Path, Path]:
    """Quarantined batches: they are encrypted as the lake is, and may be let in later."""
    moves: dict[Path, Path] = {}
    for note in batches(home):
        path = home.root / "quarantine" / f"{note['batch']}.parquet"
        if path.exists():
            kind = note["part"]["kind"]
            replaced = change(KINDS[kind]).becomes.items()
            columns = ", ".join(f"{value} AS {identifier(name)}" for name, value in replaced)
            moves |= _copied(con, f"SELECT * REPLACE ({columns}) FROM ({lake.batch_sql(kind, path)})", path, NEXT_KEY)
    return moves


def _refusals(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, fresh: Mapping[str, bytes]
) -> dict[Path, Path]:
    """Lists of refused rows, by content, and the rows as they were conformed: under the keys of their loads."""
    moves: dict[Path, Path] = {}
    for path in sorted(p for p in refusals(home).glob("[!.]*") if p.suffix in (".parquet", ".rows")):
        purpose = f"{KEY}{path.name.split('.')[0]}"
        if purpose not in keyring.purposes():
            continue
        old, new = f"refusals_{len(moves)}", f"next_refusals_{len(moves)}"
        con.execute(f"PRAGMA add_parquet_key('{old}', '{keyring.base64(purpose)}')")
        con.execute(f"PRAGMA add_parquet_key('{new}', '{base64.b64encode(fresh[purpose]).decode()}')")
        is_list = path.suffix == ".parquet"
        try:
            prove(con, path, old)
        except SourceError:
            if is_list:
                raise
            continue  # its load is conformed again
        columns = "* REPLACE (next_content(content_hash) AS content_hash)" if is_list else "*"
        read = f"read_parquet({literal(str(path))}, encryption_config={{footer_key: '{old}'}})"
        moves |= _copied(con, f"SELECT {columns} FROM {read}", path, new)
    return moves


def _published(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, key: bytes) -> dict[Path, Path]:
    """The published history: no pseudonym is in it, its exact figures are under a key of their own."""
    moves: dict[Path, Path] = {}
    con.execute(f"PRAGMA add_parquet_key('{HISTORY_KEY}', '{keyring.base64(HISTORY_KEY)}')")
    con.execute(f"PRAGMA add_parquet_key('next_{HISTORY_KEY}', '{base64.b64encode(key).decode()}')")
    for path in sorted(home.folder("published").glob("*.parquet")):
        read = f"read_parquet({literal(str(path))}, encryption_config={{footer_key: '{HISTORY_KEY}'}})"
        moves |= _copied(con, f"FROM {read}", path, f"next_{HISTORY_KEY}")
    return moves


def _copied(con: duckdb.DuckDBPyConnection, select: str, path: Path, key: str) -> dict[Path, Path]:
    draft = path.with_name(f"{path.name}.rotated")
    con.execute(
        f"COPY ({select}) TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd, "
        f"ENCRYPTION_CONFIG {{footer_key: '{key}'}})"
    )
    return {draft: path}


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
