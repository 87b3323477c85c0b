"""Refusals: which rows of a load were refused for want of consent, so that they can be taken up when it is given.

Keep out: refusing (protect.py). Kept are keyed hashes, counts, reasons, and what was known of the row's person then, under
the key of the load's sealed pages: when those expire, so do these. A row is gone over again once more is known of its
person, a consent, a country, who else it is, or once the policy or the source's own settings say something else.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

import duckdb

from orchestration.engine import literal
from orchestration.home import Home
from orchestration.landing.pages import Load, refusals
from orchestration.privacy.keys import Keyring
from orchestration.privacy.protect import OTHER_NOTICE
from orchestration.privacy.scratch import Scratch

REASONS = ("no_basis", "no_consent", "minor_without_guardian", OTHER_NOTICE)
EMPTY = (
    "SELECT ''::VARCHAR AS kind, ''::VARCHAR AS content_hash, 0::BIGINT AS copies, ''::VARCHAR AS reason, "
    "''::VARCHAR AS subject_id, ''::VARCHAR AS known WHERE false"
)


def prepare(con: duckdb.DuckDBPyConnection, subjects: str) -> None:
    """Temp table `_person_state` (subject_id, known): digest of what the vault knows of persons as written that decides a refusal.

    `subjects`: a select of their ids. Needs the vault and `_consents`.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _person_state AS
        WITH wanted AS (
            SELECT subject_id, coalesce(current_id, subject_id) AS person FROM vault.subject WHERE subject_id IN ({subjects})
        ), told AS (
            SELECT coalesce(current_id, subject_id) AS person, max(country) AS country, bool_or(is_minor) AS is_minor
            FROM vault.subject GROUP BY 1
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


def keep(
    con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, load: Load, replay: int, version: str
) -> None:
    """Write what of the set `refused` (kind, content_hash, copies, reason, subject_id) waits for more to be known.

    `version`: of the policy it was refused by (Policy.version_for).
    """
    path = refusals(home) / f"{load.load_id}.{replay}.parquet"
    refused = rows.relation("refused") if rows.rows("refused") else f"SELECT * EXCLUDE (known) FROM ({EMPTY})"
    key = _key(con, keyring, load)
    con.execute(
        f"COPY (SELECT r.*, k.known || {literal(version)} AS known FROM ({refused}) r LEFT JOIN _person_state k USING (subject_id) WHERE reason IN {REASONS}) "
        f"TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{key}'}})"
    )
    os.chmod(path, 0o600)


def changed(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, loads: list[Load], versions: Mapping[str, str]
) -> list[tuple[Load, int]]:
    """Loads with a refused row of whose person more is known than then, and the number of their next going over.

    `versions` of the policy, by source: loads refused by another one count too. Needs the vault and `_consents`.
    """
    newest = {load: paths[-1] for load in loads if (paths := _lists(home, load))}
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _waiting (load_id VARCHAR, version VARCHAR, subject_id VARCHAR, known VARCHAR)"
    )
    for load, path in newest.items():
        if f"landing:{load.load_id}" in keyring.purposes():
            waiting = _read(path, _key(con, keyring, load))
            con.execute(
                f"INSERT INTO _waiting SELECT DISTINCT {literal(load.load_id)}, {literal(versions[load.source])}, subject_id, known "
                f"FROM ({waiting}) "
                "WHERE subject_id IS NOT NULL"
            )
    prepare(con, "SELECT subject_id FROM _waiting")
    rows = con.execute(
        "SELECT DISTINCT load_id FROM _waiting w JOIN _person_state k USING (subject_id) WHERE k.known || w.version IS DISTINCT FROM w.known"
    ).fetchall()
    better = {load_id for (load_id,) in rows}
    return [(load, _number(path) + 1) for load, path in newest.items() if load.load_id in better]


def show(con: duckdb.DuckDBPyConnection, rows: Scratch, home: Home, keyring: Keyring, load: Load, replay: int) -> None:
    """The set `refused_before`: what the load's guards before this one refused and none has let in since."""
    earlier = [path for path in _lists(home, load) if _number(path) < replay]
    key = _key(con, keyring, load)
    rows.put("refused_before", _read(earlier[-1], key) if earlier else EMPTY)


def _lists(home: Home, load: Load) -> list[Path]:
    """The lists of a load, one for each going over, the newest last."""
    return sorted(refusals(home).glob(f"{load.load_id}.*.parquet"), key=_number)


def _read(path: Path, key: str) -> str:
    return f"SELECT * FROM read_parquet({literal(str(path))}, encryption_config = {{footer_key: '{key}'}})"


def _number(path: Path) -> int:
    """Which going over of its load a list comes from."""
    return int(path.name.split(".")[-2])


def _key(con: duckdb.DuckDBPyConnection, keyring: Keyring, load: Load) -> str:
    key = base64.b64encode(keyring.key(f"landing:{load.load_id}")).decode()
    con.execute(f"PRAGMA add_parquet_key('refusals', '{key}')")
    return "refusals"
