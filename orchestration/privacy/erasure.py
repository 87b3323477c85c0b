"""Erasure: a person gone from every live store, with a receipt per store, and not to come back.

Keep out: building the models anew (pipeline.py). The order is what makes it safe to be cut short: first the erased list
(from then on nothing comes back), then lake and quarantine, last the vault; run again it goes on from any point.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from orchestration.engine import connect, identifier, literal
from orchestration.home import Home, now, write_durably
from orchestration.lake import quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.messages import translated
from orchestration.privacy import answers, pseudonyms, requests, subjects
from orchestration.privacy.audit_log import AuditLog, tag
from orchestration.privacy.erased import (
    RECORD,
    Erased,
    ErasedList,
    RestrictedList,
    WithdrawnList,
    erased_before,
    erased_now,
)
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import UNCONSENTED_KINDS, Policy
from orchestration.privacy.vault import open_vault, publish_subjects, renew_vault, unseal_identities
from orchestration.records import KINDS
from orchestration.serving import postgres

# SQL: the mark of the source's record behind a row of vault.record_key.
RECORD_MARK = (
    f"hmac_erased('{RECORD}' || chr(31) || CASE WHEN starts_with(original, chr(31)) THEN substr(original, 2) "
    "ELSE source || chr(31) || domain || chr(31) || original END)"
)
Say = Callable[[str], object]


@dataclass
class Receipt:
    """What an erasure did: rows of the person per store, before and after, and stores that forget by schedule.

    None for a store that was not built: after a restriction or an objection the models are gone until the next run.
    """

    request_id: str
    erased_at: str
    before: dict[str, int | None] = field(default_factory=dict)
    after: dict[str, int | None] = field(default_factory=dict)
    by_schedule: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    other_requests: list[str] = field(default_factory=list)  # of the same person, still open

    @property
    def is_complete(self) -> bool:
        return not any(self.after.values())


def erase(home: Home, keyring: Keyring, request: requests.Request, say: Say = lambda _: None) -> Receipt:
    """Erase the person of a request from lake, quarantine and vault; writes the receipt to ops/receipts/.

    The warehouse and the restricted file are removed, for the models to make others. The caller holds the home's lock.
    """
    entry = next((e for e in ErasedList(home, keyring).entries() if e.request_id == request.request_id), None)
    log = AuditLog(home, keyring)
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        if entry is None:
            entry = _entry(con, home, keyring, request)
            ErasedList(home, keyring).add(entry)
            log.append("erasure begun", request=request.request_id, subject=_tags(keyring, entry))
        ErasedList(home, keyring).install(con)
        _register(con, home, keyring)
        receipt = Receipt(entry.request_id, entry.erased_at, _traces(con, home, keyring, entry))
        for store, n in _before(home, entry.request_id).items():  # of an attempt that was cut short
            receipt.before[store] = (
                max(n or 0, receipt.before.get(store) or 0) if n is not None else receipt.before.get(store)
            )
        with open_vault(con, home, keyring, read_only=True):
            receipt.other_requests = requests.others_open(con, request, entry.subject_ids)
        keep(home, receipt)
        _forget(con, home, keyring, entry, say)
        _register(con, home, keyring)
        receipt.after = _traces(con, home, keyring, entry)
    finally:
        con.close()
    at, policy, made = now().replace(tzinfo=None), Policy.of(home), log.backups()
    due = (at - timedelta(days=policy.backup_days)).date()
    old = sum(day < due for day in made)
    receipt.by_schedule = {
        "landing": f"sealed pages expire by {at + timedelta(days=policy.landing_days):%Y-%m-%d}; "
        "nothing of the person is read from them",
        "backups": f"you must delete backups made before {at:%Y-%m-%d %H:%M} UTC by {at + timedelta(days=policy.backup_days):%Y-%m-%d} "
        f"(the audit log knows {len(made) - old} made since {due:%Y-%m-%d}, the newest of {made[-1] if made else '–'}, and {old} older): "
        "the house knows not where they lie; restore them only with --erased and this home's erased/ folder, copied somewhere safe now",
    }
    if exported := _exported(log):
        receipt.by_schedule["exports"] = (
            f"rows left the house before, under pseudonyms of their recipients, and may hold the person's: tell "
            f"{'; '.join(f'{recipient} (last on {day})' for recipient, day in exported.items())}"
        )
    if receipt.other_requests:
        receipt.by_schedule["requests"] = (
            f"other requests of the person that are still open: {len(receipt.other_requests)} ({', '.join(receipt.other_requests)}); end "
            "each with `voicehouse subject close … --outcome withdrawn --role compliance --reason …`"
        )
    keep(home, receipt)
    log.append("erasure", request=request.request_id, before=receipt.before, after=receipt.after)
    return receipt


def has_begun(home: Home, keyring: Keyring, request_id: str) -> bool:
    """Whether an erasure is on the list: from then on the gate refuses whatever is the person's."""
    return any(e.request_id == request_id for e in ErasedList(home, keyring).entries())


def _exported(log: AuditLog) -> dict[str, str]:
    """Who got rows, and the day they last did: out of the house's reach, so they have to be told (GDPR 19)."""
    lines = [line for line in log.lines() if line["action"] == "export"]
    return {str(line["facts"]["recipient"]): str(line["at"])[:10] for line in lines if "recipient" in line["facts"]}


def _before(home: Home, request_id: str) -> dict[str, int | None]:
    path = home.folder("ops", "receipts") / f"{request_id}.json"
    found: dict[str, int | None] = json.loads(path.read_text())["before"] if path.exists() else {}
    return found


def keep(home: Home, receipt: Receipt) -> Path:
    """Write a receipt durably."""
    path = home.folder("ops", "receipts") / f"{receipt.request_id}.json"
    chinese = {store: translated(told, "zh") for store, told in receipt.by_schedule.items()}
    content = asdict(receipt) | {"by_schedule_zh": chinese, "is_complete": receipt.is_complete}
    write_durably(path, json.dumps(content, indent=1, ensure_ascii=False).encode())
    return path


def reapply_erasures(home: Home, keyring: Keyring) -> int:
    """After a backup was put back: erase again whoever was erased since it was made.

    Returns how many erasures had work.
    Needs the erased list as it was before the restore, which no backup holds. The caller holds the home's lock.
    """
    n = 0
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        ErasedList(home, keyring).install(con)
        for entry in ErasedList(home, keyring).entries():
            _register(con, home, keyring)
            if any(_traces(con, home, keyring, entry).values()):
                _forget(con, home, keyring, entry, lambda _: None)
                AuditLog(home, keyring).append("erasure applied again", request=entry.request_id)
                n += 1
    finally:
        con.close()
    return n


def traces(home: Home, keyring: Keyring) -> dict[str, int]:
    """Over all erasures: rows of erased persons per store; all nought when none can be found."""
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        ErasedList(home, keyring).install(con)
        _register(con, home, keyring)
        total: dict[str, int] = {}
        for entry in ErasedList(home, keyring).entries():
            for store, n in _traces(con, home, keyring, entry).items():
                total[store] = total.get(store, 0) + (n or 0)
    finally:
        con.close()
    return total


def returned(home: Home, keyring: Keyring) -> tuple[int, int]:
    """How many were erased, and what of theirs came back.

    That is identities first told of before the erasure, ids of erased records, whoever they are said to belong to, and
    rows of what happened before it under whom the vault has now for a mark on the list. Whoever comes again later is
    a new person; what came earlier must not have passed the gate again.
    """
    erased = ErasedList(home, keyring)
    if not (home.folder("vault") / "vault.duckdb").exists():
        return len(erased.entries()), 0
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        erased.install(con)
        _register(con, home, keyring)
        with open_vault(con, home, keyring, read_only=True):
            rows = con.execute(
                "SELECT v.subject_id, v.domain, v.index_hash, v.sealed, v.first_load, s.secret FROM vault.identity v "
                "JOIN vault.subject s USING (subject_id) WHERE v.is_proving"
            ).to_arrow_table()
            held = rows.select(["subject_id", "domain", "first_load"]).append_column("value", unseal_identities(rows))
            con.register("_held", held)
            con.execute(
                "CREATE TEMP TABLE _marked AS SELECT hmac_pseudonym_person(h.subject_id) AS subject_key, "
                "strptime(left(h.first_load, 15), '%Y%m%dT%H%M%S') AS came_at, e.erased_at FROM _held h "
                "JOIN _erased e ON e.mark = hmac_erased(h.domain || chr(31) || lower(h.value))"
            )
            con.unregister("_held")
            back = _rows(con, "FROM _marked", "r.came_at < r.erased_at")
            back += _rows(con, "FROM vault.record_key", f"{RECORD_MARK} IN (SELECT mark FROM _erased)")
        for kind, record in KINDS.items():
            if record.has_person:
                happened = erased_before(record, "r", "r.erased_at")
                marked = "(SELECT subject_key, max(erased_at) AS erased_at FROM _marked GROUP BY 1)"
                back += _rows(con, f"FROM lake.{identifier(kind)} JOIN {marked} USING (subject_key)", happened)
    finally:
        con.close()
    return len(erased.entries()), back


def traces_of(home: Home, keyring: Keyring, request_id: str) -> dict[str, int | None]:
    """Rows of one erased person per store, as they are now."""
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        ErasedList(home, keyring).install(con)
        _register(con, home, keyring)
        (entry,) = (e for e in ErasedList(home, keyring).entries() if e.request_id == request_id)
        return _traces(con, home, keyring, entry)
    finally:
        con.close()


def close(home: Home, keyring: Keyring, request_id: str, outcome: str) -> None:
    """End the request in the register, which forgets who it was."""
    con = connect(home.temp)
    try:
        with open_vault(con, home, keyring):
            requests.close(con, request_id, outcome, forget=True)
    finally:
        con.close()


def _entry(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, request: requests.Request) -> Erased:
    """Keyed hashes of what proves the person and of the person's own records, as the gate will compute them again."""
    ErasedList(home, keyring).install(con)
    _register(con, home, keyring)
    with open_vault(con, home, keyring, read_only=True):
        ids = requests.set_person(con, request)
        rows = con.execute(
            "SELECT v.domain, v.index_hash, v.sealed, s.secret FROM vault.identity v JOIN vault.subject s USING (subject_id) "
            "WHERE v.is_proving AND v.subject_id IN (FROM _person) AND v.index_hash NOT IN (SELECT index_hash FROM vault.shared)"
        ).to_arrow_table()
        con.register("_proving", rows.select(["domain"]).append_column("value", unseal_identities(rows)))
        marks = con.execute("SELECT DISTINCT hmac_erased(domain || chr(31) || lower(value)) FROM _proving").fetchall()
        con.unregister("_proving")
        own = ", ".join(
            literal(str(f.domain)) for k, r in KINDS.items() if k not in UNCONSENTED_KINDS for f in r.own_keys
        )
        theirs = subjects.record_hashes(subjects.reach(con))  # rows that came before a person was named, too
        marks += con.execute(
            f"SELECT DISTINCT {RECORD_MARK} FROM vault.record_key "
            f"WHERE domain IN ({own}) AND (subject_id IN (FROM _person) OR (subject_id IS NULL AND key_hash IN ({theirs})))"
        ).fetchall()
    return Erased(request.request_id, erased_now(), ids, tuple(sorted(m for (m,) in marks)))


def _forget(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, entry: Erased, say: Say) -> None:
    """Remove the models, to be made anew; then rewrite lake and quarantine without the person, then the vault."""
    lake = _register(con, home, keyring)
    conditions = _reach(con, home, keyring, entry)
    # What is made from the lake holds the person still.
    home.remove_warehouse()
    postgres.take_out_restricted(home)
    say("lake")
    changes = {kind: Change(condition, "'erased'") for kind, condition in conditions.items()}
    rewriting.rewrite(con, lake, "erasure", changes, {"request": entry.request_id})
    say("quarantine")
    for note in quarantine.batches(home):
        quarantine.change(con, lake, note, changes)
    say("vault")
    vault = home.folder("vault") / "vault.duckdb"
    if vault.exists():
        with open_vault(con, home, keyring):
            for path in answers.about(home, _requests(con, entry)):
                path.unlink()
            for table in ("shared", "withdrawal"):
                con.execute(
                    f"DELETE FROM vault.{table} WHERE index_hash IN (SELECT index_hash FROM vault.identity WHERE subject_id IN (FROM _person)) "
                    "AND index_hash NOT IN (SELECT index_hash FROM vault.identity WHERE subject_id NOT IN (FROM _person))"
                )
            for table in ("identity", "record_key", "consent", "restriction", "subject", "merge"):
                con.execute(f"DELETE FROM vault.{table} WHERE subject_id IN (FROM _person)")
            con.execute("DELETE FROM vault.merge WHERE current_id IN (FROM _person)")  # of who was parted from them
            con.execute(
                f"DELETE FROM vault.record_key WHERE subject_id IS NULL AND {RECORD_MARK} IN (FROM _entry_marks)"
            )
            con.execute("DROP TABLE IF EXISTS _nobodys")
            con.execute(
                "UPDATE vault.request SET subject_ids = [], sought = [], wrong = [] WHERE list_has_any(subject_ids, ?)",
                [list(entry.subject_ids)],
            )
            publish_subjects(con, lake)
        renew_vault(con, home, keyring)
    for words in (WithdrawnList, RestrictedList):
        words(home, keyring).forget(entry.subject_ids)


def _traces(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, entry: Erased) -> dict[str, int | None]:
    """Rows of one erased person in every store that can be asked; None of a store that is not built.

    Of answers and looks back the files that may tell of them. After `_register`.
    """
    conditions = _reach(con, home, keyring, entry)
    keys = "FROM _person_keys"
    found = {
        "lake": sum(subjects.count_rows(con, conditions).values()),
        "merges": _rows(con, "FROM lake._subjects", f"r.subject_key IN ({keys}) OR r.current_subject_key IN ({keys})"),
        "quarantine": sum(subjects.count_rows(con, conditions, "waiting").values()),
        "vault": 0,
        "answers": 0,
    }
    if (home.folder("vault") / "vault.duckdb").exists():
        with open_vault(con, home, keyring, read_only=True):
            for table in ("identity", "record_key", "consent", "subject"):
                found["vault"] += _rows(con, f"FROM vault.{table}", "r.subject_id IN (FROM _person)")
            found["vault"] += _rows(con, _nobodys(con), "r.mark IN (FROM _entry_marks)")
            # Once the vault knows nobody, nothing that jobs are asked can be about the person any more.
            until = None if found["vault"] else datetime.fromisoformat(entry.erased_at)
            found["answers"] = len(answers.about(home, _requests(con, entry), until))
    erased_at = datetime.fromisoformat(entry.erased_at).replace(tzinfo=UTC).timestamp()
    found["known_at"] = sum(path.stat().st_mtime < erased_at for path in home.looks_back())
    counted: dict[str, int | None] = dict(found)
    for store, path, key in (
        ("warehouse", home.warehouse, keyring.hex("warehouse")),
        ("team.duckdb", home.serving / "team.duckdb", keyring.hex("team")),
    ):
        counted[store] = _rows_of_database(con, path, key) if path.exists() else None
    return counted


def _register(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring) -> Lake:
    """Lake and quarantine on `con`, as they are now."""
    lake = Lake(home, keyring.base64(LAKE_KEY))
    quarantine.register(con, lake)
    return lake


def _reach(con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, entry: Erased) -> dict[str, str]:
    """By kind the SQL condition (on row `r`) of the rows of an erasure; temp tables `_person` and `_entry_marks` of it.

    Beside what `subjects.reach` tells, rows without a person whose ids stand on the list: of an attempt that was cut
    short the rows that said whose they were may be gone.
    """
    subjects.set_person(con, entry.subject_ids)
    con.execute("CREATE OR REPLACE TEMP TABLE _entry_marks AS SELECT unnest(?::VARCHAR[]) AS mark", [list(entry.marks)])
    conditions = subjects.reach(con)
    if not (home.folder("vault") / "vault.duckdb").exists():
        return conditions
    with open_vault(con, home, keyring, read_only=True):
        _nobodys(con)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _entry_records AS "
        "SELECT domain, key_hash FROM _nobodys WHERE mark IN (FROM _entry_marks)"
    )
    for kind in conditions:
        if kind not in UNCONSENTED_KINDS:
            named = " OR ".join(
                f"r.{identifier(str(f.protected_name))} IN "
                f"(SELECT key_hash FROM _entry_records WHERE domain = {literal(str(f.domain))})"
                for f in KINDS[kind].own_keys
            )
            conditions[kind] += f" OR (r.subject_key IS NULL AND ({named or 'false'}))"
    return conditions


def _nobodys(con: duckdb.DuckDBPyConnection) -> str:
    """A relation (mark, domain, key_hash) of erased records whose ids the vault holds without a person.

    Looked for once a connection.
    """
    con.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS _nobodys AS SELECT {RECORD_MARK} AS mark, domain, key_hash FROM vault.record_key "
        f"WHERE subject_id IS NULL AND {RECORD_MARK} IN (SELECT mark FROM _erased)"
    )
    return "FROM _nobodys"


def _requests(con: duckdb.DuckDBPyConnection, entry: Erased) -> list[str]:
    """Numbers of the person's requests, and of those whose person the register forgot: both may have no answer left."""
    mine = "SELECT request_id FROM vault.request WHERE list_has_any(subject_ids, ?) OR len(subject_ids) = 0"
    return [number for (number,) in con.execute(mine, [list(entry.subject_ids)]).fetchall()]


def _rows_of_database(con: duckdb.DuckDBPyConnection, path: Path, key: str) -> int:
    """Rows under the person's pseudonyms in every table of an encrypted DuckDB file."""
    con.execute(f"ATTACH {literal(str(path))} AS searched (READ_ONLY, ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')")
    try:
        columns = con.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() JOIN duckdb_tables() "
            "USING (database_name, schema_name, table_name) WHERE database_name = 'searched' "
            "AND column_name IN ('subject_key', 'written_subject_key')"
        ).fetchall()
        return sum(
            _rows(con, f"FROM searched.{identifier(s)}.{identifier(t)}", f"r.{identifier(c)} IN (FROM _person_keys)")
            for s, t, c in columns
        )
    finally:
        con.execute("DETACH searched")


def _rows(con: duckdb.DuckDBPyConnection, relation: str, condition: str) -> int:
    row = con.execute(f"SELECT count(*) FROM ({relation}) AS r WHERE {condition}").fetchone()
    return int(row[0]) if row else 0


def _tags(keyring: Keyring, entry: Erased) -> list[str]:
    return [tag(keyring, s) for s in entry.subject_ids]
