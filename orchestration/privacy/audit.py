"""Privacy checks C1-C23 on a home as it stands, each with its evidence; a check that cannot be proved yet says so.

Keep out: repairing anything, and checks of single batches (expectations/privacy.py).
"""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import duckdb

from orchestration import formats
from orchestration.engine import connect, identifier, literal, open_read_only
from orchestration.errors import SourceError
from orchestration.home import Home, now, write_durably
from orchestration.lake import quarantine
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing import pages
from orchestration.privacy import (
    answers,
    classified,
    closed_files,
    erasure,
    flows,
    heeded,
    lapses,
    marks,
    measured,
    pseudonyms,
    registers,
    residue,
    restated,
    restriction,
    retention,
    unlinkable,
    unnamed,
)
from orchestration.privacy.anonymity import GREATEST_T, LEAST_K, LEAST_L
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.evidence import code, noted
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.protect import prepare_consents
from orchestration.privacy.row_level import could_hold_text
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from orchestration.sources.contract import BASES, Settings
from orchestration.sources.registry import discover

CATALOGUE = {
    "C1": ("目的与依据有效", "Basis and purpose valid for every row", "run"),
    "C2": ("目的变更后旧数据不再使用", "Rows of a changed purpose are not used", "event"),
    "C3": ("撤回同意、限制与反对已传导", "Withdrawals, restrictions and objections propagated", "run"),
    "C4": ("所有字段已分级", "All fields classified", "run"),
    "C5": ("数据湖、仓库与已发布文件中无身份信息", "No identifier in lake, warehouse and served files", "run"),
    "C6": ("金丝雀身份无处可见", "Canary persons nowhere", "release"),
    "C7": ("假名域内一致、跨域不同、无密钥不可得", "Pseudonyms one to a domain, none without the key", "run"),
    "C8": ("加密与权限", "Stores encrypted, modes right", "run"),
    "C9": ("分析员无法接触封闭存储", "Analyst cannot reach closed stores", "run"),
    "C10": ("审计链完整", "Audit chain intact", "run"),
    "C11": ("被删除者不可恢复", "Erased persons not recoverable", "event"),
    "C12": ("被删除者不会回来", "Erased persons do not come back", "event"),
    "C13": ("无超期数据", "Nothing older than its retention", "run"),
    "C14": ("行级导出 k 匿名", "k-anonymity of row-level exports", "event"),
    "C15": ("被抑制单元不可推导", "No suppressed cell derivable", "run"),
    "C16": ("处理活动记录完整", "Record of processing complete", "run"),
    "C17": ("查阅请求返回全部记录", "Access returns every row of a person", "event"),
    "C18": ("密钥轮换", "Keys rotated", "event"),
    "C19": ("识别召回率与精确率", "Recall and precision on frozen texts", "release"),
    "C20": ("存储地点与跨境", "Every source and destination has a place", "run"),
    "C21": ("未成年人", "Minors: guardian consent or rejected", "run"),
    "C22": ("敏感文本不入公开文件", "Sensitive text kept out of the published file", "run"),
    "C23": ("供应商与接收方协议在案", "Every vendor and recipient has role and agreement on file", "run"),
}


UNPROVED = {
    "C5": "asked of every new file before it is served",
    "C6": "not proved of the release that is installed: `voicehouse privacy canary` proves it",
    "C15": "asked of every new file before it is served",
    "C22": "asked of every new file before it is served",
}
CLOSED = (  # to all but their owner
    *("vault", "keys", "landing", "lake", "quarantine", "audit", "erased", "published", "known_at"),
    *("/".join(folder) for folder in (answers.TO_PERSONS, answers.TO_JOBS)),
)
# What others than its owner may open: the greatest mode by path in the home, the first that fits; all else is closed.
OPENED = {
    **dict.fromkeys(("serving/team.duckdb", "serving/.team.*"), 0o600),
    ".": 0o710,  # to walk through to what is published
    "serving": 0o750,
    "serving/*": 0o750,
    # what a house writes itself, with its own editor; it tells of no customer
    **dict.fromkeys(("house.toml", "policy.toml"), 0o644),
    **dict.fromkeys(("reference", "reference/*"), 0o755),
}
BLOCKING = ("C1", "C4", "C5", "C7", "C8", "C9", "C15", "C21", "C22")


@dataclass(frozen=True)
class Check:
    """One row of `privacy_checks`.

    status: passed, failed, or not_proved (its proof is not built or had no occasion). `last_proved_at`: when it passed
    last, whatever it comes to now; `checked_at`: when it came to its status, none where it was not asked.
    """

    check_id: str
    name_zh: str
    name_en: str
    cadence: str
    status: str
    last_proved_at: str | None
    evidence: str
    n_checked: int
    n_failed: int
    checked_at: str | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether nothing new may be served while it fails; an expired row, say, is held back and can wait."""
        return self.check_id in BLOCKING


def check_home(home: Home, keyring: Keyring, sources: dict[str, Settings]) -> list[Check]:
    """Every check on the committed lake, the stores and the settings; writes `lake/_checks.json`, returns the rows.

    What only the figures themselves can prove is asked of them before they are served (`check_candidate`).
    """
    at = now().replace(tzinfo=None)
    found: dict[str, tuple[int, int, str]] = {}
    policy = Policy.of(home)
    every = discover(home, active_only=False, broken={})
    lake = Lake(home, keyring.base64(LAKE_KEY))
    con = connect(home.temp)
    try:
        quarantine.register(con, lake)
        pseudonyms.install(con, keyring)
        found["C1"] = _basis(con, policy)
        found["C2"] = _changed_purposes(con, home, policy, every, at)
        found["C4"] = classified.told(classified.in_files(con, lake, keyring))
        persons = _persons(con)
        found["C13"] = _overdue(con, lake, keyring, every, policy, at)
        if (home.folder("vault") / "vault.duckdb").exists():
            with open_vault(con, home, keyring, read_only=True):
                found["C3"] = _withdrawals(con, every, policy)
                found["C1"] = _consented(
                    found["C1"],
                    lapses.untold(con),
                    lapses.of_others(con, every, policy),
                    lapses.under_other_notice(con, every, policy),
                    lapses.without_basis(con, every, policy),
                )
                found["C7"] = unlinkable.prove(con, keyring)
                found["C21"] = _minors(con)
    finally:
        con.close()
    found["C10"] = _chain(home, keyring)
    if redaction := measured.evidence():
        found["C19"] = redaction
    found |= _erased(home, keyring)
    proved_at: dict[str, str] = {"C19": measured.measured()["measured_at"]}  # of the release, whenever a run reads it
    for check_id, proof in noted(home).items():
        if check_id not in found and proof.get("of") in (None, code()):
            found[check_id] = (proof["checked"], proof["failed"], proof["told"])
            proved_at[check_id] = proof["at"]
    found["C8"] = _stores(home, keyring)
    found["C9"] = _modes(home)
    found |= _flows(home, sources, policy, persons)
    if exports := exports_checked(AuditLog(home, keyring)):
        found["C14"] = exports
    rows, before = [], found_last(home)
    for check_id, (zh, en, cadence) in CATALOGUE.items():
        last = before.get(check_id, {}).get("last_proved_at")
        if check_id in found:
            checked, failed, evidence = found[check_id]
            when = proved_at.get(check_id, at.isoformat())
            status, last = ("failed", last) if failed else ("passed", when)
            rows.append(Check(check_id, zh, en, cadence, status, last, evidence, checked, failed, when))
        else:
            why = UNPROVED.get(check_id, "no proof in this home yet")
            rows.append(Check(check_id, zh, en, cadence, "not_proved", last, why, 0, 0))
    write_durably(
        home.lake / "_checks.json", json.dumps([asdict(r) for r in rows], indent=1, ensure_ascii=False).encode()
    )
    return rows


def found_last(home: Home) -> dict[str, dict[str, Any]]:
    """Each check as the newest run found it, whether it came to publish or not; empty before the first."""
    path = home.lake / "_checks.json"
    return {c["check_id"]: c for c in json.loads(path.read_text())} if path.exists() else {}


def failing(home: Home) -> list[str]:
    """The checks that failed last and let nothing new be served."""
    return [i for i, row in found_last(home).items() if row["status"] == "failed" and i in BLOCKING]


def stores_differ(home: Home, keyring: Keyring) -> bool:
    """Whether a check of the stores, which anybody may have touched, comes to another word than it did last."""
    found = {"C8": _stores(home, keyring), "C9": _modes(home), "C10": _chain(home, keyring)}
    told = {check_id: row["status"] for check_id, row in found_last(home).items()}
    return any(told.get(check) != ("failed" if failed else "passed") for check, (_, failed, _) in found.items())


def _basis(con: duckdb.DuckDBPyConnection, policy: Policy) -> tuple[int, int, str]:
    laws = " ".join(
        f"WHEN {literal(law)} THEN [{', '.join(literal(b) for b in listed)}]"
        for law, listed in BASES.items()
        if law != "other"
    )
    known = f"CASE jurisdiction {laws} ELSE [{', '.join(literal(b) for b in BASES['other'])}] END"
    checked = failed = 0
    for kind, record in KINDS.items():
        alike = f"SELECT basis, jurisdiction, purposes, count(*) AS n FROM lake.{identifier(kind)} GROUP BY ALL"
        row = con.execute(
            f"SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (basis IS NULL OR NOT list_contains({known}, basis) OR len(purposes) = 0 "
            f"OR {lapses.unnamed({}, policy, record) if kind in lapses.BOUND else 'false'}), 0) FROM ({alike}) AS r"
        ).fetchone() or (0, 0)
        checked, failed = checked + int(row[0]), failed + int(row[1])
    return (
        checked,
        failed,
        "rows of the lake whose basis is none of their law's or whose purposes the house does not pursue",
    )


def _consented(found: tuple[int, int, str], untold: int, others: int, n: int, baseless: int) -> tuple[int, int, str]:
    """C1 with the consents of which no notice is known, and rows that rest on what covers them no more.

    On the consent of somebody that their person was taken for, on one whose notice is not listed, or on a ground that
    their law, learnt since, does not know.
    """
    checked, failed, evidence = found
    evidence += (
        f"; consents in force from before notices were written down, which count as valid under any list: {untold}"
    )
    evidence += f"; rows that rest on the consent of somebody whom their person was taken for: {others}"
    evidence += f"; rows that rest on a consent under a notice that is not listed: {n}"
    return (
        checked,
        failed + others + n + baseless,
        f"{evidence}; rows on a ground that their person's law, learnt since they came, does not know: {baseless}",
    )


def _changed_purposes(
    con: duckdb.DuckDBPyConnection, home: Home, policy: Policy, sources: dict[str, Settings], at: datetime
) -> tuple[int, int, str]:
    """Rows that carry a purpose which their source, or the house, has stopped naming since they came.

    Those that wait behind a mark for it count once their term is over, with a day's grace.
    """
    late = " OR ".join(
        f"(r.source = {literal(w.source)} AND {lapses.waits(w.purpose)})"
        for w in unnamed.standing(home, policy)
        if w.is_over(at - timedelta(days=1))
    )
    checked = failed = waiting = 0
    for kind in lapses.BOUND:
        used = f"{lapses.unnamed(sources, policy, KINDS[kind])} OR {late or 'false'}"
        alike = f"SELECT source, jurisdiction, purposes, count(*) AS n FROM lake.{identifier(kind)} GROUP BY ALL"
        row = con.execute(
            f"SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER ({used}), 0), "
            f"coalesce(sum(n) FILTER ({lapses.waits()} AND NOT ({used})), 0) FROM ({alike}) AS r"
        ).fetchone() or (0, 0, 0)
        checked, failed, waiting = checked + int(row[0]), failed + int(row[1]), waiting + int(row[2])
    return (
        checked,
        failed,
        "rows of the lake with a purpose that their source or the house no longer names, or their source without a ground "
        "under the row's law; "
        f"those that wait for it behind a mark, unused, within their term: {waiting}",
    )


def _withdrawals(con: duckdb.DuckDBPyConnection, every: Mapping[str, Settings], policy: Policy) -> tuple[int, int, str]:
    """Rows used for what a person, or a child's guardian, consents to no more, or had struck out; needs the vault."""
    lapses.prepare(con, every, policy)
    failed = sum(gone + struck for gone, struck in lapses.decide_lake(con, every, policy).values())
    n = con.execute("SELECT coalesce(sum(len(purposes)), 0) FROM _withdrawn").fetchone()
    words, used = restriction.unheeded(con)
    told = "consents withdrawn, restrictions and objections; rows of the lake that still rest on one, or are used against one"
    if nobodys := heeded.of_nobody(con):
        told += f"; {nobodys} withdrawals that name nobody who is known"
    return (int(n[0]) if n else 0) + words, failed + used, told


def _minors(con: duckdb.DuckDBPyConnection) -> tuple[int, int, str]:
    """Rows of persons told to be minors with a purpose that no guardian's consent in force stands for."""
    prepare_consents(con)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _minor_keys AS
        SELECT hmac_pseudonym_person(s.subject_id) AS subject_key,
               list(c.purpose) FILTER (c.is_guardian) AS guarded
        FROM vault.subject s LEFT JOIN _consents c ON c.subject_id = coalesce(s.current_id, s.subject_id)
        WHERE coalesce(s.current_id, s.subject_id) IN ({lapses.MINORS}) GROUP BY 1
        """
    )
    used = f"list_filter(r.purposes, lambda p: p = {marks.bare_purpose('p')})"
    checked = failed = 0
    for kind, record in KINDS.items():
        if record.has_person and kind not in ("consent", "deletion"):
            row = con.execute(
                f"SELECT count(*), count(*) FILTER (NOT list_has_all(coalesce(m.guarded, []), {used})) "
                f"FROM lake.{identifier(kind)} r JOIN _minor_keys m USING (subject_key)"
            ).fetchone()
            checked, failed = checked + (row[0] if row else 0), failed + (row[1] if row else 0)
    return checked, failed, "rows of persons told to be minors; those used for what no guardian consents to"


def _overdue(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    keyring: Keyring,
    every: Mapping[str, Settings],
    policy: Policy,
    at: datetime,
) -> tuple[int, int, str]:
    """What is kept beyond its term, a day's grace for what goes by whole days.

    Rows, texts, sealed loads, batches, what the vault holds, lines, answers, looks back.
    """
    home = lake.home
    rows, late = retention.overdue(con, every, at)
    day = timedelta(days=1)
    landed = pages.refused_loads(home)
    for name in pages.sources(home):
        with suppress(SourceError):  # torn pages are told by the gate
            landed.update(pages.loads(home, name))
    sealed = [load.started_at for load in landed]
    held = [
        datetime.fromisoformat(b["loaded_at"])
        for b in quarantine.batches(home)
        if (home.root / "quarantine" / f"{b['batch']}.parquet").exists()
    ]
    lines = [datetime.fromisoformat(x["at"]).replace(tzinfo=None) for x in AuditLog(home, keyring).lines() if "at" in x]
    for kept, days in ((sealed, policy.landing_days), (held, policy.quarantine_days), (lines, policy.audit_days)):
        rows += len(kept)
        late += sum(moment + timedelta(days=days) + day < at for moment in kept)
    until = [ends for _, ends in answers.terms(home, policy.landing_days)]
    rows, late = rows + len(until), late + sum(ends + day < at for ends in until)
    looks = [path.stat().st_mtime for path in home.looks_back()]
    rows, late = rows + len(looks), late + sum(made < retention.gone_since(home) for made in looks)
    if (home.folder("vault") / "vault.duckdb").exists():
        with open_vault(con, home, keyring, read_only=True):
            held_there = con.execute(
                "SELECT (SELECT count(*) FROM vault.identity) + (SELECT count(*) FROM vault.consent) + "
                "(SELECT count(*) FROM vault.agent) + (SELECT count(*) FROM vault.record_key WHERE subject_id IS NULL)"
            ).fetchone()
            rows += held_there[0] if held_there else 0
            late += sum(retention.vault_due(con, lake, keyring, every, at - day).values())
    told = (
        "rows of the lake, sealed loads, quarantined batches, identities, consents and ids of records in the vault, lines of "
        "the audit log, answers and looks back; those past their term, or with a text past its own"
    )
    return rows, late, told


def _stores(home: Home, keyring: Keyring) -> tuple[int, int, str]:
    """Files that open without a key, keys that are not wrapped, spills in the clear, modes that let others in."""
    checked, bad = closed_files.in_the_clear(home, keyring)
    n_answers, clear = answers.in_the_clear(home)
    checked, bad = checked + n_answers, bad + ["answers"] * clear
    con = connect(home.temp)
    try:
        row = con.execute("SELECT current_setting('temp_file_encryption')").fetchone()
        bad += [] if row and row[0] else ["temp_file_encryption"]
    finally:
        con.close()
    walked, opened = _open_to_others(home)
    told = (
        "files that open without a key, files and folders that others may open, keys not wrapped, spills in the clear"
    )
    if bad:
        told = f"{told}; where: {', '.join(sorted(set(bad)))}"
    return checked + walked, len(bad) + opened, told


def _open_to_others(home: Home) -> tuple[int, int]:
    """Files and folders of the home, and those whose mode lets more in than their place allows (OPENED).

    Folders that people fill are theirs: where the inbox or sources lie in the home.
    """
    theirs = {Path(folder).resolve() for folder in (home.inbox, *home.house.sources) if "://" not in folder}
    checked = bad = 0
    for folder, folders, files in os.walk(home.root):
        folders[:] = [name for name in folders if (Path(folder) / name).resolve() not in theirs]
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            with suppress(FileNotFoundError):  # what another process made for a moment
                checked += 1
                bad += is_open_to_others(home, path)
    return checked, bad


def is_open_to_others(home: Home, path: Path) -> bool:
    """Whether the mode of a file or folder of the home lets more in than its place allows (OPENED)."""
    place = path.relative_to(home.root).as_posix()
    allowed = next((mode for pattern, mode in OPENED.items() if fnmatchcase(place, pattern)), 0o700)
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077 & ~allowed)


def _chain(home: Home, keyring: Keyring) -> tuple[int, int, str]:
    """The audit chain by its own hashes, and against what commits say of the vault and every report of its end."""
    lines, wrong = AuditLog(home, keyring).verify()
    told = "lines of the audit log, each bound to the one before by a keyed hash, to the vault's generation, and to every privacy report that is kept"
    return lines, len(wrong), told


def _erased(home: Home, keyring: Keyring) -> dict[str, tuple[int, int, str]]:
    """C11: no row of an erased person in any store. C12: nor any the gate let in since under what proved the person."""
    if not (home.folder("erased") / "list.sealed").exists():
        return {}
    left = erasure.traces(home, keyring)
    entries, back = erasure.returned(home, keyring)
    where = "; ".join(f"{store} {n}" for store, n in left.items())
    return {
        "C11": (entries, sum(left.values()), f"persons erased; rows of them found by store: {where}"),
        "C12": (
            entries,
            back,
            "persons erased; what came back under their marks: identities first told before the erasure, ids of their records, rows of what happened before it",
        ),
    }


def analyst_reach(home: Home, served: Path) -> tuple[int, int, str]:
    """Modes of what is closed, and what a connection to `served` as docs/bi.md has it can do beyond reading.

    All is tried.
    """
    checked, bad, _ = _modes(home)
    reach = (
        f"ATTACH {literal(str(home.warehouse))} AS closed (READ_ONLY); SELECT 1",
        f"ATTACH {literal(str(home.root / 'vault' / 'vault.duckdb'))} AS closed (READ_ONLY); SELECT 1",
        f"SELECT * FROM read_text({literal(str(home.root / 'keys' / '*'))})",
        f"SELECT * FROM read_blob({literal(str(home.root / 'landing' / '**'))})",
        f"COPY (SELECT 1) TO {literal(str(home.temp / 'reached.csv'))}",
        "SET enable_external_access = true; SELECT 1",
        "SET lock_configuration = false; SELECT 1",
        "CREATE TABLE reached AS SELECT 1",
        "INSTALL httpfs; SELECT 1",
        "SELECT name FROM duckdb_secrets()",
    )
    with open_read_only(served, enable_external_access="false") as con:
        con.execute("SET lock_configuration = true")
        for statement in reach:
            checked += 1
            with suppress(duckdb.Error):  # refused, as it should be
                bad += bool(con.execute(statement).fetchall())
    return checked, bad, "closed folders that others may open, and ways out of an analyst's connection: each was tried"


def _modes(home: Home) -> tuple[int, int, str]:
    checked = bad = 0
    for folder in (home.root / name for name in CLOSED):
        if folder.exists():
            checked += 1
            bad += bool(stat.S_IMODE(folder.stat().st_mode) & 0o077)
    master = home.folder("keys") / "master.key"
    if master.exists():
        checked += 1
        bad += bool(stat.S_IMODE(master.stat().st_mode) & 0o077)
    return checked, bad, "closed folders and the master key that others than their owner may open"


def exports_checked(log: AuditLog) -> tuple[int, int, str] | None:
    """Every row-level export of the audit log against the k, l and t that it had to keep; None where there was none."""
    exports = [line["facts"] for line in log.lines() if line["action"] == "export"]
    if not exports:
        return None
    bad = sum(not (e["k"] >= LEAST_K and e["l"] >= LEAST_L and e["t"] <= GREATEST_T) for e in exports)
    return len(exports), bad, f"exports in the audit log; smallest class {min(e['k'] for e in exports)} persons"


def _persons(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Distinct persons of whom the lake holds rows, by source."""
    rows = " UNION ALL ".join(
        f"SELECT source, subject_key FROM lake.{identifier(k)} WHERE subject_key IS NOT NULL"
        for k, r in KINDS.items()
        if r.has_person
    )
    return dict(con.execute(f"SELECT source, count(DISTINCT subject_key) FROM ({rows}) GROUP BY 1").fetchall())


def _sent(home: Home, persons: dict[str, int]) -> dict[str, int]:
    """Persons, at most, of whom rows went to each recipient, and to a server that gets restricted ones."""
    found: dict[str, int] = {}
    for line in AuditLog(home, Keyring(home)).lines():
        if line["action"] == "export":
            facts = line["facts"]
            found[facts["recipient"]] = found.get(facts["recipient"], 0) + facts.get("persons", facts["rows"])
    return found | ({"[postgres]": sum(persons.values())} if home.house.postgres.get("handlers") else {})


def assessment_material(home: Home) -> dict[str, Any] | None:
    """The newest material for the impact assessment (serving/dpia.py), as its JSON says.

    None where none was written.
    """
    found = sorted((home.root / "ops" / "dpia").glob("*.json"))
    return json.loads(found[-1].read_text()) if found else None


def _flows(
    home: Home, sources: dict[str, Settings], policy: Policy, persons: dict[str, int]
) -> dict[str, tuple[int, int, str]]:
    """C16, C20, C23: what is on file of every source and recipient; what a flow lacks has kept it from running."""

    def told(what: str, lacking: list[str]) -> str:
        return what + (f": {'; '.join(lacking)}" if lacking else "")

    record = flows.missing_record(sources, policy)
    about = ""
    if material := assessment_material(home):
        about = f", described by the assessment material of {material['written_at'][:10]}"
        if material["record_sha256"] != flows.digest(
            flows.record(sources.values(), policy, home.house.postgres, home.inbox)
        ):
            record.append(
                f"the assessment material of {material['written_at'][:10]} describes an earlier state: "
                "`voicehouse privacy dpia` writes it anew"
            )
    elif flows.needs_assessment(sources.values(), policy):
        about = ", no assessment material yet (`voicehouse privacy dpia`)"
    ways = flows.every(sources.values(), policy, home.house.postgres, home.inbox)
    concerned = persons | _sent(home, persons)
    over = [
        f"{w.name} {w.start} → {w.end} by {w.mechanism}, {concerned.get(w.name, 0)} persons"
        for w in ways
        if w.crosses and not w.missing()
    ]
    unplaced = [sentence for way in ways for sentence in way.missing()]
    others = len(policy.recipients) + bool(home.house.postgres.get("schema") and home.house.postgres.get("handlers"))
    papers = flows.missing_papers(sources.values(), policy, home.house.postgres)
    crossing = f"over a border: {'; '.join(over)}" if over else "none over a border"
    return {
        "C16": (len(sources), len(record), told(f"sources in the record of processing{about}; what it lacks", record)),
        "C20": (len(ways), len(unplaced), told(f"flows from sources, to recipients and to servers, {crossing}; without place or mechanism", unplaced + flows.untold(home.house.postgres))),
        "C23": (len(sources) + others, len(papers), told("sources, recipients and servers of rows; vendors and recipients without role or agreement on file", papers)),
    }  # fmt: skip


def check_candidate(home: Home, keyring: Keyring, path: Path) -> dict[str, tuple[int, int, str]]:
    """What is to be served, a closed file, and what it was made from: the checks that speak of it.

    C4, C5, C9, C15, C22; C4 of the stores of rows too.
    """
    con = connect(home.temp)
    try:
        lake = Lake(home, keyring.base64(LAKE_KEY))
        lake.register(con)
        made = [
            classified.in_database(con, home.warehouse, keyring.hex("warehouse")),
            classified.in_database(con, path),
        ]
        columns = classified.told(classified.in_files(con, lake, keyring), *made)
        pseudonyms.install(con, keyring)
        has_vault = (home.folder("vault") / "vault.duckdb").exists()
        with open_vault(con, home, keyring, read_only=True) if has_vault else nullcontext():
            left = residue.identifiers_left(con, home, keyring, path)
    finally:
        con.close()
    found = check_published(path) | {"C4": columns, "C5": left, "C9": analyst_reach(home, path)}
    told = home.lake / "_checks.json"
    rows = json.loads(told.read_text()) if told.exists() else []
    for row in rows:  # a candidate that is refused goes with its own table; what was found is read here
        if row["check_id"] in found:
            checked, failed, evidence = found[row["check_id"]]
            status, at = "failed" if failed else "passed", now().replace(tzinfo=None).isoformat()
            row |= {
                "status": status,
                "last_proved_at": row["last_proved_at"] if failed else at,
                "checked_at": at,
                "evidence": evidence,
                "n_checked": checked,
                "n_failed": failed,
            }
    if rows:
        write_durably(told, json.dumps(rows, indent=1, ensure_ascii=False).encode())
    return found


def check_served(home: Home, path: Path) -> dict[str, tuple[int, int, str]]:
    """What is served already, by itself: C4, C5, C15, C22; nothing of what an earlier release served."""
    found = check_published(path)
    if not found:
        return {}
    con = connect(home.temp)
    try:
        team = home.serving / "team.duckdb"
        columns = classified.told(
            classified.in_database(con, path), classified.in_database(con, team, Keyring(home).hex("team"))
        )
        return found | {"C4": columns, "C5": residue.identifiers_shown(con, path)}
    finally:
        con.close()


def check_published(path: Path) -> dict[str, tuple[int, int, str]]:
    """C15 and C22 on one published file: (checked, failed, evidence) each.

    None where there is no file, or one that an earlier release published and this run makes anew.
    """
    if not path.exists():
        return {}
    with open_read_only(path) as con:
        if formats.is_served_by_earlier(con):
            return {}
        row = con.execute(
            "SELECT n_cells, n_derivable + n_held_derivable, n_hidden, n_held, holds, profile FROM publication"
        ).fetchone()
        columns = con.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
        told = registers.sizes_that_tell(con) if row else 0
        before = restated.tell(con) if row else 0
    if row is None:
        return {}
    cells, derivable, hidden, held, holds, profile = row
    changes = (
        f"{held} held until enough persons changed"
        if holds
        else f"changes between refreshes not controlled ({profile})"
    )
    counts = f"counts in registers that tell of a cell: {told}; restatements that do: {before}"
    by_size = "those of our own work are hidden by size only"  # where not all classes are bound (disclosure.Profile)
    left = (
        f"of what persons said or did, derivable from the rest: {derivable}; {by_size}"
        if profile == "internal"
        else f"derivable from the rest: {derivable}"
    )
    texts = [c for _, c in columns if could_hold_text(c)]
    return {
        "C15": (
            int(cells),
            int(derivable) + told + before,
            f"{hidden} cells hidden; {left}; {counts}; {changes}",
        ),
        "C22": (len(columns), len(texts), "columns of the published file; those that could hold what a person wrote"),
    }
