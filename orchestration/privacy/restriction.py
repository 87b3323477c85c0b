"""Restriction and objection: a person's rows stay, and are not used.

For anything (GDPR 18), or for one purpose (21; PIPL 44).

Keep out: withdrawn consents, which come from the sources. A purpose is struck out with a mark, in the rows of lake and
quarantine and in rows to come; lifting takes the mark away. Rows that turn out to be theirs later, because two persons
are one or a record's owner became known, follow with the next run (`renew`). Of a member of staff the directory's rows
are treated so; rows about others, or of the house, stay as they are, and the key in them goes behind the mark: no
figure and no row of staff is made of it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home, now, sync_folder, write_durably
from orchestration.lake import quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake
from orchestration.privacy import pseudonyms, subjects
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import RestrictedList
from orchestration.privacy.keys import Keyring
from orchestration.privacy.marks import EVERY, MARK, STAFF, bare, bare_purpose
from orchestration.privacy.vault import is_vault_there, open_vault


def restrict(
    con: duckdb.DuckDBPyConnection, lake: Lake, purpose: str | None, request_id: str, lift: bool = False
) -> int:
    """Strike out (or `lift`) a purpose, None for all, in every row of `_person`; returns how many rows changed.

    Needs what subjects.reach does, and the vault open for writing: rows that come later are marked by what it holds.
    Cut short between rows and vault, the next run (`renew`) holds the rows against the words that stand.
    """
    wanted = changes(con, purpose, lift)
    _noted(lake.home).unlink(missing_ok=True)
    sync_folder(_noted(lake.home).parent)
    con.execute("DELETE FROM vault.restriction WHERE subject_id IN (FROM _person) AND purpose = ?", [purpose or EVERY])
    if not lift:
        con.execute(
            "INSERT INTO vault.restriction SELECT subject_id, ?, ?, ?, ? FROM _person",
            [purpose or EVERY, "objection" if purpose else "restriction", now().replace(tzinfo=None), request_id],
        )
    return _apply(con, lake, wanted, {"request": request_id}, keeps_models=lift)


def remember(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring) -> None:
    """Keep the words that stand outside of every backup; needs the vault.

    Words of persons whom the vault does not know stay: it was put back from before they came, another may know them.
    """
    told = con.execute(
        "SELECT subject_id, purpose, reason, since::VARCHAR, request_id FROM vault.restriction ORDER BY ALL"
    ).fetchall()
    if told or (home.folder("erased") / RestrictedList.name).exists():
        kept = RestrictedList(home, keyring)
        before = kept.entries()
        known = {i for (i,) in con.execute("SELECT subject_id FROM vault.subject").fetchall()} if before else set()
        of_nobody = {e for e in before if e[0] not in known and not e[0].startswith(STAFF)}
        if before != (words := sorted(of_nobody.union(told))):
            kept.write(words)


def reapply(home: Home, keyring: Keyring) -> tuple[int, tuple[str, ...]]:
    """After a backup was put back: strike out again what was struck out since.

    Returns how many rows changed, and the requests of which the backup knows nobody: they have to be entered again.
    Needs the list as it was before the restore, which no backup holds. What was lifted since stays struck out: somebody
    has to say so again. Words of staff are put back whoever is known, for rows to come; after a rotation their keys are
    nobody's.
    """
    told = RestrictedList(home, keyring).entries()
    if not told:
        return 0, ()
    if not (home.folder("vault") / "vault.duckdb").exists():
        return 0, tuple(sorted({e[4] for e in told}))
    names = ("subject_id", "purpose", "reason", "since", "request_id")
    con = connect(home.temp)
    try:
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        con.register("_told", pa.table({n: pa.array([e[i] for e in told], pa.string()) for i, n in enumerate(names)}))
        staff = " UNION ALL ".join(f"SELECT agent_key FROM lake.{identifier(k)}" for k in subjects.staff_kinds())
        with open_vault(con, home, keyring):
            con.execute(
                "INSERT INTO vault.restriction SELECT * REPLACE (since::TIMESTAMP AS since) FROM _told t "
                f"WHERE (subject_id IN (SELECT subject_id FROM vault.subject) OR starts_with(subject_id, '{STAFF}')) AND NOT "
                "EXISTS (SELECT 1 FROM vault.restriction r WHERE r.subject_id = t.subject_id AND r.purpose = t.purpose)"
            )
            lost = con.execute(
                "SELECT request_id FROM _told GROUP BY 1 HAVING NOT bool_or(subject_id IN (SELECT subject_id FROM vault.subject "
                f"UNION ALL SELECT '{STAFF}' || agent_key FROM vault.agent "
                f"UNION ALL SELECT '{STAFF}' || {bare('agent_key')} FROM ({staff}) WHERE agent_key IS NOT NULL)) "
                "ORDER BY 1"
            ).fetchall()
    finally:
        con.close()
    _noted(home).unlink(missing_ok=True)
    return renew(home, keyring), tuple(number for (number,) in lost)


def renew(home: Home, keyring: Keyring) -> int:
    """Strike out again, in rows that have come to be of persons who asked for it; returns how many rows changed.

    Opens no file of the lake when nobody asked, or nothing can have changed since. The caller holds the home's lock.
    """
    if not is_vault_there(home):
        return 0
    lake = Lake(home, keyring.base64(LAKE_KEY))
    path, log = _noted(home), AuditLog(home, keyring)
    changed = 0
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        with open_vault(con, home, keyring, read_only=True):
            remember(con, home, keyring)
            state = _state(con, home, lake)
            if state is None or (path.exists() and json.loads(path.read_text())["state"] == state):
                return 0
            quarantine.register(con, lake)
            for wanted in _standing(con):
                if n := _apply(con, lake, wanted, {}, log):
                    changed += n
                    lake.register(con)
    finally:
        con.close()
    write_durably(path, json.dumps({"state": state}).encode())
    return changed


def unheeded(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Words that stand, of persons and purposes, and rows of the lake used against one.

    Needs the lake and the vault.
    """
    row = con.execute("SELECT count(*) FROM vault.restriction").fetchone()
    used = 0
    for wanted in _standing(con):
        for kind, change in wanted.items():
            found = con.execute(f"SELECT count(*) FROM lake.{identifier(kind)} AS r WHERE {change.concerns}").fetchone()
            used += found[0] if found else 0
    return int(row[0]) if row else 0, used


def changes(con: duckdb.DuckDBPyConnection, purpose: str | None, lift: bool = False) -> dict[str, Change]:
    """What `restrict` makes of the rows of `_person`, by kind; needs what subjects.reach does."""
    if subjects.is_staff(con):
        return _of_staff(con, purpose, lift)
    change, concerned = _purposes(purpose, lift)
    return {
        kind: Change(becomes=change, concerns=f"({condition}) AND {concerned}")
        for kind, condition in subjects.reach(con).items()
        if kind not in ("consent", "deletion")
    }


def count(
    con: duckdb.DuckDBPyConnection, lake: Lake, wanted: Mapping[str, Change]
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows that would change, by kind: of the lake, and of batches that wait in quarantine. Touches nothing."""
    used = {kind: changed for kind, (_, changed) in rewriting.count(con, lake, wanted).items()}
    waiting: dict[str, int] = {}
    for note in quarantine.batches(lake.home):
        if n := quarantine.change(con, lake, note, wanted, dry_run=True)[1]:
            kind = note["part"]["kind"]
            waiting[kind] = waiting.get(kind, 0) + n
    return used, waiting


def _standing(con: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Change]]:
    """What is to become of rows by every word that stands, purpose by purpose, of persons and of staff.

    Sets `_person`.
    """
    words = con.execute(
        f"SELECT DISTINCT purpose, starts_with(subject_id, '{STAFF}') FROM vault.restriction ORDER BY ALL"
    ).fetchall()
    for purpose, of_staff in words:
        asked = (
            f"SELECT subject_id FROM vault.restriction WHERE purpose = {literal(purpose)} "
            f"AND starts_with(subject_id, '{STAFF}') = {of_staff}"
        )
        theirs = (
            "SELECT subject_id FROM vault.subject WHERE coalesce(current_id, subject_id) IN ("
            f"SELECT coalesce(current_id, subject_id) FROM vault.subject WHERE subject_id IN ({asked}))"
        )
        con.execute(f"CREATE OR REPLACE TEMP TABLE _person AS {asked if of_staff else theirs}")
        yield changes(con, None if purpose == EVERY else purpose)


def _apply(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    wanted: Mapping[str, Change],
    facts: dict[str, str],
    log: AuditLog | None = None,
    keeps_models: bool = False,
) -> int:
    """Rewrite the lake and the batches that wait in quarantine; returns how many rows changed.

    Before any does, the line of `log` is written and the models of rows of the lake are gone, unless they may be used
    still.
    """
    used, waiting = (sum(found.values()) for found in count(con, lake, wanted))
    if log and used + waiting:
        log.append("restrictions renewed", rows=used + waiting)
    if used and not keeps_models:
        lake.home.remove_warehouse()
    if waiting:
        for note in quarantine.batches(lake.home):
            quarantine.change(con, lake, note, wanted)
    if used:
        rewriting.rewrite(con, lake, "withdrawal", wanted, facts)
    return used + waiting


def _noted(home: Home) -> Path:
    """Where the state is noted in which every word was last heeded."""
    return home.folder("ops") / "restrictions.json"


def _state(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake) -> str | None:
    """What the outcome depends on: the words that stand (None: there are none), who is who, the commits of the lake."""
    row = con.execute("SELECT count(*), coalesce(bit_xor(hash(r)), 0) FROM vault.restriction r").fetchone()
    if not row or not row[0]:
        return None
    known = home.lake / SUBJECTS_FILE
    digest = hashlib.sha256(
        json.dumps([*map(str, row), *(f"{c['load_id']}.{c['replay']}" for c in lake.commits)]).encode()
    )
    digest.update(known.read_bytes() if known.exists() else b"")
    return digest.hexdigest()


def _purposes(purpose: str | None, lift: bool) -> tuple[dict[str, str], str]:
    """What becomes of the purposes of a row, and SQL of the rows that this changes."""
    meant = "true" if purpose is None else f"{bare_purpose('p')} = {literal(purpose)}"
    if lift:
        hit, becomes = f"starts_with(p, '{MARK}') AND {meant}", f"substr(p, {len(MARK) + 1})"
    else:
        hit, becomes = f"NOT starts_with(p, '{MARK}') AND {meant}", f"'{MARK}' || p"
    change = {"purposes": f"list_transform(purposes, lambda p: CASE WHEN {hit} THEN {becomes} ELSE p END)"}
    return change, f"len(list_filter(purposes, lambda p: {hit})) > 0"


def _of_staff(con: duckdb.DuckDBPyConnection, purpose: str | None, lift: bool) -> dict[str, Change]:
    """The same of a member of staff; a key stays behind its mark while another word of theirs stands."""
    conditions = subjects.reach(con)
    change, concerned = _purposes(purpose, lift)
    found = {"agent": Change(becomes=change, concerns=f"({conditions['agent']}) AND {concerned}")}
    others = con.execute(
        "SELECT count(*) FROM vault.restriction WHERE subject_id IN (FROM _person) AND purpose <> ?", [purpose or EVERY]
    ).fetchone()
    if lift and others and others[0]:
        return found
    marked = f"starts_with(agent_key, '{MARK}')"
    becomes = {"agent_key": bare("agent_key") if lift else f"'{MARK}' || agent_key"}
    for kind in subjects.staff_kinds():
        if kind != "agent":
            found[kind] = Change(
                becomes=becomes, concerns=f"({conditions[kind]}) AND {marked if lift else f'NOT {marked}'}"
            )
    return found
