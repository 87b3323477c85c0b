"""Withdrawals: what rests on a consent that was taken back leaves every live store with the next run.

So does what rests on the consent of somebody that the person was taken for, or on a ground that their law, learnt
since, does not know. What is there for a purpose that its source, or the house, names no more is used for it no more
from then on, and leaves when the term of those ends.

Keep out: which rows these are (lapses.py), letting rows in (protect.py) and what a person asks of the house itself
(restriction.py, erasure.py).
Sealed pages go with their term; nothing of the person is used from them. Who withdrew is kept outside every backup too,
so that a home put back from one forgets again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.engine import connect, identifier
from orchestration.home import Home, now, write_durably
from orchestration.lake import quarantine, stage
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake
from orchestration.privacy import lapses, pseudonyms, unnamed
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import WithdrawnList
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.vault import is_vault_there, open_vault
from orchestration.records import KINDS
from orchestration.sources.contract import Settings

EVIDENCE = timedelta(days=3 * 366)  # as long as consents are kept as evidence


@dataclass(frozen=True)
class Withdrawn:
    """Rows that left the lake, rows of it whose purposes changed, rows of quarantined batches that left or changed."""

    rows: int = 0
    purposes: int = 0
    quarantined: int = 0


def run(home: Home, keyring: Keyring, sources: Mapping[str, Settings], dry_run: bool = False) -> Withdrawn:
    """Take out what rests on withdrawn consents; strike out purposes named no more until their term ends.

    `dry_run` counts it. A purpose that is named again is in its rows again.
    Opens no file of the lake when nothing can have changed, and asks what rows are for only when what is named has.
    The caller holds the home's lock. `sources`: every source configured, switched off ones too.
    """
    if not is_vault_there(home):
        return Withdrawn()
    lake = Lake(home, keyring.base64(LAKE_KEY))
    policy, at = Policy.of(home), now().replace(tzinfo=None)
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        with open_vault(con, home, keyring, read_only=True):
            versions = [policy.version_for(s) for _, s in sorted(sources.items())]
            located = lapses.located(sources, policy)
            state = {
                "state": _state(con, home, lake, located, versions),
                "named": _named(home, sources, policy, at),
            }
            path = home.folder("ops") / "withdrawals.json"
            noted = json.loads(path.read_text()) if path.exists() and not dry_run else {}
            if noted == state:
                return Withdrawn()
            lapses.prepare(con, sources, policy)
            remembered = _remember(con, home, keyring, dry_run)
        lake.register(con)
        struck: Collection[str] = ()
        if noted.get("named") != state["named"]:
            struck = _strike(con, lake, sources, policy, at, dry_run)
        concerned = " + ".join(
            f"(SELECT count(*) FROM {of})" for of in ("_unguarded", "_noticed", "_parted", "_learnt")
        )
        if not remembered and not struck and not _number(con, f"SELECT {concerned}"):
            found = Withdrawn()
        else:
            found = _take_out(con, home, keyring, lake, sources, policy, struck, dry_run)
    finally:
        con.close()
    if not dry_run:
        unnamed.forget_ended(home, policy, at)
        state["named"] = _named(home, sources, policy, at)
        write_durably(path, json.dumps(state).encode())
    return found


def _as_decided(kind: str) -> Change:
    """The change of a kind's rows by its table of `decide`."""
    return Change(
        gone="d.is_gone",
        reason="d.gone_for",
        becomes={"purposes": "d.left_purposes", "basis": "d.left_basis"},
        concerns="NOT d.is_gone",
        beside=f"LEFT JOIN {identifier(f'_decided_{kind}')} AS d ON d.of_content = r.content_hash "
        "AND d.of_version = r.loaded_at AND d.of_source = r.source",
    )


def reapply(home: Home, keyring: Keyring, sources: Mapping[str, Settings]) -> Withdrawn:
    """After a backup was put back: withdraw again what was withdrawn since it was made.

    The caller holds the home's lock.
    Needs the list of withdrawals as it was before the restore, which no backup holds.
    """
    told = WithdrawnList(home, keyring).entries()
    if not told or not (home.folder("vault") / "vault.duckdb").exists():
        return Withdrawn()
    con = connect(home.temp)
    try:
        con.register("_told", _table(told))
        with open_vault(con, home, keyring):
            con.execute(
                "INSERT INTO vault.consent SELECT t.subject_id, t.purpose, 'withdraw', 'general', t.given_at::TIMESTAMP, NULL, NULL, NULL "
                "FROM _told t JOIN vault.subject USING (subject_id) WHERE NOT EXISTS (SELECT 1 FROM vault.consent c "
                "WHERE c.subject_id = t.subject_id AND c.purpose = t.purpose AND c.action = 'withdraw' "
                "AND c.given_at = t.given_at::TIMESTAMP)"
            )
    finally:
        con.close()
    (home.folder("ops") / "withdrawals.json").unlink(missing_ok=True)
    return run(home, keyring, sources)


def _take_out(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    keyring: Keyring,
    lake: Lake,
    sources: Mapping[str, Settings],
    policy: Policy,
    struck: Collection[str],
    dry_run: bool,
) -> Withdrawn:
    batches = quarantine.batches(home)
    waiting = sum(_change_batch(con, lake, sources, policy, note, struck, dry_run=True) for note in batches)
    counted = lapses.decide_lake(con, sources, policy, struck)
    gone, changed = sum(g for g, _ in counted.values()), sum(c for _, c in counted.values())
    found = Withdrawn(gone, changed, waiting)
    if dry_run or found == Withdrawn():
        return found
    AuditLog(home, keyring).append("withdrawal", rows=gone, purposes=changed, quarantined=waiting)
    wanted = {kind: _as_decided(kind) for kind in counted}
    if gone or changed:
        home.remove_warehouse()
    rewriting.rewrite(con, lake, "withdrawal", wanted, {"rows": gone, "purposes": changed})
    for note in batches if waiting else ():
        _change_batch(con, lake, sources, policy, note, struck, dry_run=False)
    return found


def _change_batch(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    sources: Mapping[str, Settings],
    policy: Policy,
    note: dict[str, Any],
    struck: Collection[str],
    dry_run: bool,
) -> int:
    """A waiting batch as the lake is to be; how many of its rows go or change."""
    kind, rows = _waiting(lake, note)
    if rows is None:
        return 0
    names = lapses.purposes_of_rows(con, policy, [rows])
    if not any(lapses.decide(con, sources, policy, kind, rows, names, kind in struck)):
        return 0
    return sum(quarantine.change(con, lake, note, {kind: _as_decided(kind)}, dry_run))


def _waiting(lake: Lake, note: dict[str, Any]) -> tuple[str, str | None]:
    """Kind and rows (a relation) of a batch that waits; none of evidence, or where only its reasons are left."""
    kind, path = note["part"]["kind"], lake.home.root / "quarantine" / f"{note['batch']}.parquet"
    return kind, f"({lake.read_sql(kind, [path])})" if kind in lapses.BOUND and path.exists() else None


def _strike(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    sources: Mapping[str, Settings],
    policy: Policy,
    at: datetime,
    dry_run: bool,
) -> frozenset[str]:
    """Kinds with rows, in the lake or in batches that wait, to be struck out, brought back, or taken out by their term.

    Notes the purposes that are named no more; makes temp table `_ended` of those whose term is over.
    """
    ended = {(w.source, w.purpose) for w in unnamed.standing(lake.home, policy) if w.is_over(at)}
    con.execute("CREATE OR REPLACE TEMP TABLE _ended (source VARCHAR, purpose VARCHAR)")
    if ended:
        con.executemany("INSERT INTO _ended VALUES (?, ?)", sorted(ended))
    held = [(kind, f"lake.{identifier(kind)}") for kind in lapses.BOUND]
    held += [(kind, rows) for kind, rows in (_waiting(lake, n) for n in quarantine.batches(lake.home)) if rows]
    kinds: set[str] = set()
    found: Counter[tuple[str, str]] = Counter()
    for kind, rows in held:
        for source, purpose, is_struck, is_named, n in lapses.purposes_by_source(
            con, rows, sources, policy, KINDS[kind]
        ):
            if not is_named:
                found[(source, purpose)] += n
            if is_struck == is_named or (not is_named and (source, purpose) in ended):
                kinds.add(kind)
    if not dry_run:
        unnamed.note(lake.home, found, at)
    return frozenset(kinds)


def _named(home: Home, sources: Mapping[str, Settings], policy: Policy, at: datetime) -> str:
    """Digest of what rows may be used for, and of what waits at an instant (naive UTC) to be named again, how long.

    Loads that wait came in by what was named before.
    """
    waiting = [(w.source, w.purpose, w.since, w.is_over(at)) for w in unnamed.standing(home, policy)]
    told = [
        [lapses.unnamed(sources, policy, KINDS[k]) for k in lapses.BOUND],
        waiting,
        [m.stem for m in stage.staged(home)],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _state(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake, located: str, versions: list[str]) -> str:
    """What the outcome depends on.

    Every word of consent, who is a minor, who lives under a law without a ground, who is who, batches that came late,
    the policy.
    """
    row = con.execute(
        "SELECT (SELECT coalesce(bit_xor(hash(c)), 0) FROM vault.consent c), (SELECT count(*) FROM vault.consent), "
        "(SELECT coalesce(bit_xor(hash(subject_id)), 0) FROM vault.subject WHERE is_minor), "
        f"(SELECT coalesce(bit_xor(hash(subject_id, law)), 0) FROM ({located}))"
    ).fetchone()
    subjects = home.lake / SUBJECTS_FILE
    digest = hashlib.sha256(json.dumps([str(v) for v in row or ()]).encode())
    digest.update(subjects.read_bytes() if subjects.exists() else b"")
    digest.update(str(sum(bool(c["replay"]) for c in lake.commits)).encode())
    digest.update(json.dumps(versions).encode())
    return digest.hexdigest()


def _remember(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, dry_run: bool) -> int:
    """Keep who withdrew what, and when, outside of every backup; returns how many persons' words are withdrawals."""
    rows = con.execute(
        "SELECT c.subject_id, c.purpose, max(c.given_at) FROM vault.consent c WHERE c.action = 'withdraw' GROUP BY 1, 2 ORDER BY ALL"
    ).fetchall()
    told: set[tuple[str, ...]] = {(s, p, at.isoformat()) for s, p, at in rows}
    if told and not dry_run:
        kept = WithdrawnList(home, keyring)
        since = (now().replace(tzinfo=None) - EVIDENCE).isoformat()
        before = set(kept.entries())
        if told - before:
            kept.write(sorted(e for e in before | told if e[2] >= since or e in told))
    return _number(con, "SELECT count(*) FROM _withdrawn")


def _table(told: list[tuple[str, ...]]) -> pa.Table:
    names = ("subject_id", "purpose", "given_at")
    return pa.table({n: pa.array([e[i] for e in told], pa.string()) for i, n in enumerate(names)})


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
