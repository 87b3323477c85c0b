"""Refusals: which rows of a load were refused and may come in later: once a consent is given, say.

Keep out: refusing (protect.py). Kept are keyed hashes, counts, reasons, what was known of the row's person then, and
the rows as they were conformed, so that a few can be taken up without going over the whole load: under the key of the
load's sealed pages, which hold them too. When those expire, so do these. A row is gone over again once more is known of
its person, a consent, a country, who else it is, or once the policy or the source's own settings say something else;
where its text still showed an identifier, once the rules of redaction are others.
"""

import base64
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.engine import identifier, literal
from orchestration.errors import SourceError, is_disk_full
from orchestration.home import Home, place_durably
from orchestration.lake import stage
from orchestration.lake.store import duckdb_type
from orchestration.landing.pages import KEY, Load, refusals, refused_loads, source_of
from orchestration.logs import event
from orchestration.privacy import redaction, words
from orchestration.privacy.conform import Conformed, show_conformed
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import agreed_country_sql
from orchestration.privacy.protect import OTHER_NOTICE, RESIDUAL, content_hash_sql
from orchestration.privacy.scratch import Scratch
from orchestration.records import KINDS, TYPES

REASONS = ("no_basis", "no_consent", "minor_without_guardian", OTHER_NOTICE)
# SQL: whether a row was refused for what its text still shows, and whether it may come in later at all.
SHOWS = f"starts_with(reason, '{RESIDUAL}')"
MAY_COME = f"(reason IN {REASONS} OR {SHOWS})"
# What the engine says of a file that is cut, changed or under another key; memory that ends is nobody's damage.
DAMAGE = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)
EMPTY = (
    "SELECT ''::VARCHAR AS kind, ''::VARCHAR AS content_hash, 0::BIGINT AS copies, ''::VARCHAR AS reason, "
    "''::VARCHAR AS subject_id, ''::VARCHAR AS known WHERE false"
)


@dataclass(frozen=True)
class Again:
    """A load to be gone over again: the number of this going over, and the rows (kind, content_hash) concerned."""

    load: Load
    replay: int
    rows: pa.Table


def prepare(con: duckdb.DuckDBPyConnection, subjects: str) -> None:
    """Temp table `_person_state` (subject_id, known).

    Digest of what the vault knows of persons as written that decides a refusal.
    `subjects`: a select of their ids. Needs the vault and `_consents`.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _person_state AS
        WITH wanted AS (
            SELECT subject_id, coalesce(current_id, subject_id) AS person FROM vault.subject WHERE subject_id IN ({subjects})
        ), told AS (
            SELECT coalesce(current_id, subject_id) AS person, {agreed_country_sql("country")} AS country, bool_or(is_minor) AS is_minor
            FROM vault.subject WHERE person IN (SELECT person FROM wanted) GROUP BY 1
        ), given AS (
            SELECT subject_id AS person, array_to_string(list_sort(list(
                concat_ws('|', purpose, is_guardian, is_separate, valid_from, valid_to, notice))), ','
            ) AS consents FROM _consents GROUP BY 1
        )
        SELECT subject_id, md5(concat_ws(';', person, coalesce(country, ''), coalesce(is_minor, false), coalesce(consents, '')))
            AS known
        FROM wanted JOIN told USING (person) LEFT JOIN given USING (person)
        """
    )


def set_aside(con: duckdb.DuckDBPyConnection, rows: Scratch, kind: str) -> None:
    """Add to the set `waiting_<kind>` the rows of `_batch`, as conformed, that `_refused` says may come in later."""
    fields = ", ".join(f"b.{identifier(f.name)}" for f in KINDS[kind].fields)
    wanted = f"SELECT content_hash FROM _refused WHERE {MAY_COME}"
    if con.execute(f"SELECT 1 FROM ({wanted}) LIMIT 1").fetchone():
        rows.add(f"waiting_{kind}", f"SELECT b._record, {fields} FROM _batch b WHERE b._content IN ({wanted})")


def keep(
    con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, load: Load, replay: int, version: str
) -> None:
    """Write what of the set `refused` (kind, content_hash, copies, reason, subject_id) waits for more to be known.

    Beside it, the first time, the sets `waiting_<kind>`; of a replay, what waits still and was not gone over.
    `version`: of the policy it was refused by (Policy.version_for).
    """
    refused = rows.relation("refused") if rows.rows("refused") else f"SELECT * EXCLUDE (known) FROM ({EMPTY})"
    key = _key(con, keyring, load)
    told = (
        f"SELECT r.*, coalesce(k.known, '') || {_version(version)} AS known FROM ({refused}) r "
        f"LEFT JOIN _person_state k USING (subject_id) WHERE {MAY_COME}"
    )
    if replay:
        told = f"{told} UNION ALL BY NAME SELECT * FROM refused_still"
    else:
        for path in refusals(home).glob(f"*{load.load_id}.*"):  # of an attempt that broke off
            path.unlink()
        for kind in KINDS:
            if rows.rows(f"waiting_{kind}"):
                _write(con, rows.relation(f"waiting_{kind}"), _rows_of(home, load, kind), key)
    _write(con, told, refusals(home) / f"{load.load_id}.{replay}.parquet", key)


def changed(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, loads: list[Load], versions: Mapping[str, str]
) -> tuple[list[Again], dict[Load, SourceError]]:
    """Refused rows of whose persons more is known than then, by load; and of the lists that do not open, what to do.

    `versions` of the policy, by source: rows refused by another one count too. Needs the vault and `_consents`.
    """
    known = keyring.purposes()
    newest: dict[Load, Path] = {}
    broken: dict[Load, SourceError] = {}
    for load in loads:
        if f"{KEY}{load.load_id}" in known and (paths := _lists(home, load)):
            try:
                prove(con, paths[-1], _key(con, keyring, load))
                newest[load] = paths[-1]
            except SourceError as error:
                broken[load] = error
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _waiting (load_id VARCHAR, version VARCHAR, subject_id VARCHAR, known VARCHAR)"
    )
    for load, path in newest.items():
        con.execute(
            f"INSERT INTO _waiting SELECT DISTINCT {literal(load.load_id)}, {_version(versions[load.source])}, subject_id, known "
            f"FROM ({_read(path, _key(con, keyring, load))})"
        )
    prepare(con, "SELECT subject_id FROM _waiting")
    # Of whom the vault knows nothing any more nothing new can be known.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _better AS SELECT w.load_id, w.subject_id, w.known AS known_then "
        "FROM _waiting w LEFT JOIN _person_state k USING (subject_id) "
        "WHERE CASE WHEN w.subject_id IS NULL THEN w.version ELSE coalesce(k.known || w.version, w.known) END "
        "IS DISTINCT FROM w.known"
    )
    better = {load_id for (load_id,) in con.execute("SELECT DISTINCT load_id FROM _better").fetchall()}
    again = [
        Again(load, stage.next_replay(home, load.load_id), _concerned(con, keyring, load, path))
        for load, path in newest.items()
        if load.load_id in better
    ]
    return again, broken


def prepare_waiting(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring) -> None:
    """Temp table `_refused_persons` (subject_id): of whom refused rows wait.

    A list that does not open counts for nothing: its rows cannot be taken up, and its source's failure tells of it.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE _refused_persons (subject_id VARCHAR)")
    known = keyring.purposes()
    for load in refused_loads(home):
        if f"{KEY}{load.load_id}" in known and (paths := _lists(home, load)):
            with suppress(SourceError):
                prove(con, paths[-1], _key(con, keyring, load))
                con.execute(f"INSERT INTO _refused_persons SELECT subject_id FROM ({_read(paths[-1], 'refusals')})")


def prove(con: duckdb.DuckDBPyConnection, path: Path, key: str) -> None:
    """Read a list of refused rows whole, under a key by its name in the connection.

    Raises SourceError where it does not open. It is not made anew from its pages: which of them were let in, withdrawn
    or erased since is told by it alone.
    """
    try:
        con.execute(f"SELECT bit_xor(hash(l)) FROM ({_read(path, key)}) l").fetchall()
    except DAMAGE as error:
        if is_disk_full(error):
            raise
        load_id = path.name.partition(".")[0]
        raise SourceError(
            f"{source_of(load_id)}: refused rows of load {load_id} wait on a list that does not open ({path.name}): remove "
            "the load's files in landing/_refused, then ask again with --since"
        ) from None


def _concerned(con: duckdb.DuckDBPyConnection, keyring: Keyring, load: Load, path: Path) -> pa.Table:
    """The rows (kind, content_hash) of a list that temp table `_better` speaks of."""
    return con.execute(
        f"SELECT DISTINCT l.kind, l.content_hash FROM ({_read(path, _key(con, keyring, load))}) l JOIN _better b "
        f"ON b.load_id = {literal(load.load_id)} AND b.subject_id IS NOT DISTINCT FROM l.subject_id "
        "AND b.known_then IS NOT DISTINCT FROM l.known"
    ).to_arrow_table()


def show(con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, again: Again) -> None:
    """The sets `refused_before`, what is to be judged anew now, and `refused_still`, what else of the list waits."""
    earlier = [path for path in _lists(home, again.load) if _number(path) < again.replay]
    told = _read(earlier[-1], _key(con, keyring, again.load)) if earlier else EMPTY
    con.register("_again", again.rows)
    for name, which in (("refused_before", "SEMI"), ("refused_still", "ANTI")):
        rows.put(name, f"SELECT t.* FROM ({told}) t {which} JOIN _again USING (kind, content_hash)")
    con.unregister("_again")


def take_up(
    con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, load: Load, kinds: Iterable[str]
) -> Conformed | None:
    """`conformed_<kind>` of the rows of `refused_before`, as they were conformed when their load first came.

    None where the list was written by a release that did not keep them, or they do not open: the load has to be
    conformed again.
    """
    wanted = {kind for (kind,) in con.execute("SELECT DISTINCT kind FROM refused_before").fetchall()}
    if any(not _rows_of(home, load, kind).exists() for kind in wanted):
        return None
    key = _key(con, keyring, load)
    found = Conformed([k for k in kinds if k in wanted], {}, {}, {})
    for kind in found.kinds:
        record = KINDS[kind]
        empty = ", ".join(f"CAST(NULL AS {duckdb_type(TYPES[f.type])}) AS {identifier(f.name)}" for f in record.fields)
        fields = ", ".join(identifier(f.name) for f in record.fields)
        kept = f"SELECT {empty} WHERE false UNION ALL BY NAME {_read(_rows_of(home, load, kind), key)}"
        waiting = (
            f"SELECT _record, {fields}, NULL::VARCHAR AS _reason FROM ({kept}) "
            f"WHERE {content_hash_sql(record)} IN (SELECT content_hash FROM refused_before WHERE kind = {literal(kind)})"
        )
        try:
            rows.put(f"given_{kind}", waiting)
        except duckdb.Error as error:
            if is_disk_full(error):
                raise
            event("refusals.unreadable", logging.WARNING, load=load.load_id, file=_rows_of(home, load, kind).name)
            return None
        show_conformed(rows, record)
    return found


def _version(version: str) -> str:
    """SQL: by what a row was refused besides what was known of its person: the policy; and the rules of redaction."""
    return f"({literal(version)} || CASE WHEN {SHOWS} THEN {literal(f'+{redaction.version()}+{words.version()}')} ELSE '' END)"


def _lists(home: Home, load: Load) -> list[Path]:
    """The lists of a load, one for each going over, the newest last.

    One whose rows a death kept from being staged counts for nothing: what it let in waits on the list before it.
    """
    found = sorted(refusals(home).glob(f"{load.load_id}.*.parquet"), key=_number)
    return [p for p in found if not _number(p) or stage.is_made(home, load.load_id, _number(p))]


def _rows_of(home: Home, load: Load, kind: str) -> Path:
    """The refused rows of a load, one file for each kind."""
    return refusals(home) / f"{load.load_id}.{kind}.rows"


def _write(con: duckdb.DuckDBPyConnection, select: str, path: Path, key: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    con.execute(
        f"COPY ({select}) TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{key}'}})"
    )
    place_durably(draft, path)


def _read(path: Path, key: str) -> str:
    return f"SELECT * FROM read_parquet({literal(str(path))}, encryption_config = {{footer_key: '{key}'}})"


def _number(path: Path) -> int:
    """Which going over of its load a list comes from."""
    return int(path.name.split(".")[-2])


def _key(con: duckdb.DuckDBPyConnection, keyring: Keyring, load: Load) -> str:
    key = base64.b64encode(keyring.key(f"{KEY}{load.load_id}")).decode()
    con.execute(f"PRAGMA add_parquet_key('refusals', '{key}')")
    return "refusals"
