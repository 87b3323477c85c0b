"""Retention: what is past its term goes for good and stays counted. Keep out: sealed pages and quarantine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest

from orchestration import answering, pipeline
from orchestration.engine import connect
from orchestration.home import Home
from orchestration.lake import audit, quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.lake.audit import AuditResult, CheckResult
from orchestration.lake.store import Lake
from orchestration.landing import pages
from orchestration.privacy import pseudonyms, requests, restriction, retention, subjects, vault
from orchestration.privacy.audit import check_home
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import RestrictedList
from orchestration.privacy.retention import Expired
from orchestration.privacy.subjects import Sought
from orchestration.privacy.vault import open_vault
from orchestration.sources.registry import discover
from tests.house import TestHouse, died, write_source
from tests.integration.test_gate import CASE, CONSENT, case, found_under, lines


def run(house: TestHouse, dry_run: bool = False) -> Expired:
    return retention.run(house.home, house.keyring, discover(house.home, active_only=False), dry_run)


def vault_counts(house: TestHouse) -> tuple[int, int, int]:
    con = connect(house.home.temp)
    try:
        with open_vault(con, house.home, house.keyring, read_only=True):
            tables = ("subject", "identity", "record_key")
            return tuple(con.execute(f"select count(*) from vault.{t}").fetchone()[0] for t in tables)
    finally:
        con.close()


def overdue(house: TestHouse) -> int:
    from orchestration.home import now

    con = connect(house.home.temp)
    try:
        Lake(house.home, house.keyring.base64("lake")).register(con)
        at = now().replace(tzinfo=None)
        return retention.overdue(con, discover(house.home, active_only=False), at)[1]
    finally:
        con.close()


@pytest.fixture
def filled(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """Two persons heard of in January 2025, one of them again in 2026; taken in at the time."""
    write_source(house.sources, "desk", {"case": CASE})
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    again = case(3, account="A2", name="Zora Quill", text="again", at="2026-05-01T00:00:00Z")
    house.drop("rows.jsonl", lines(case(1, account="A1", text="hello"), case(2, account="A2", text="hello"), again))
    house.take()
    return house


def test_texts_go_first_then_persons_then_rows_each_at_its_term(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(filled).nothing
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2027-02-01T00:00:00Z")  # 25 months after January 2025
    assert overdue(filled) == 2
    told = run(filled, dry_run=True)
    assert filled.rows("select count(text) from lake.case") == [(3,)]  # the control: a dry run touches nothing
    done = run(filled)
    assert asdict(told) == asdict(done) and (done.texts, done.rows, done.identities) == (2, 0, 1)
    assert filled.rows("select text, text_redactions from lake.case where text is not null") == [("again", 0)]
    assert vault_counts(filled) == (1, 2, 2)
    assert overdue(filled) == 0
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2028-02-01T00:00:00Z")  # 37 months
    done = run(filled)
    assert (done.rows, done.texts) == (2, 0)
    assert filled.rows("select count(*) from lake.case") == [(1,)]
    assert filled.ledger()[("case", "withheld", "expired")] == 2
    assert [
        line["facts"]["rows"] for line in AuditLog(filled.home, filled.keyring).lines() if line["action"] == "retention"
    ] == [0, 2]


def test_models_are_gone_before_a_row_they_were_made_of_is(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    look_back = filled.home.folder("known_at") / "2026-06-01T00-00-00.duckdb"
    for made in (filled.home.warehouse, look_back):
        made.write_bytes(b"made of rows that will be gone")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2027-02-01T00:00:00Z")
    monkeypatch.setattr(rewriting, "rewrite", died)
    with pytest.raises(KeyboardInterrupt):
        run(filled)
    assert not filled.home.warehouse.exists() and not look_back.exists()


def test_nothing_due_opens_no_file(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    run(filled)

    def connected(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(retention, "connect", connected)
    assert run(filled).nothing


def test_persons_are_asked_after_once_a_day_however_many_loads_come_and_when_what_told_of_them_went(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASE}, cn="consent")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    asked = []
    expire_vault = retention._expire_vault
    monkeypatch.setattr(retention, "_expire_vault", lambda *given: asked.append(1) or expire_vault(*given))
    for n, country in enumerate(("DE", "CN", "DE")):
        house.drop(f"rows_{n}.jsonl", lines(case(n, account=f"A{n}", country=country, at="2026-05-01T00:00:00Z")))
        house.take()
        run(house)
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-06-01T0{n + 1}:00:00Z")
    assert len(asked) == 1
    gone = sorted(pages.refused_loads(house.home), key=lambda load: load.load_id)[1]
    pages.forget(house.home, house.keyring, gone.load_id)
    house.drop("rows_3.jsonl", lines(case(3, account="A3", country="DE", at="2026-05-01T00:00:00Z")))
    house.take()  # as many lists as before
    run(house)
    assert len(asked) == 2


def test_ids_without_a_load_wait_until_loads_have_been_told_for_as_long_as_pages_live(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASE}, cn="consent")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.drop("rows_1.jsonl", lines(case(1, name="Nobody", country="CN")))
    house.take()
    with asking(house) as con:
        con.execute("UPDATE vault.record_key SET first_load = NULL")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-02T00:00:00Z")
    assert run(house).record_ids == 0 and vault_counts(house)[2] == 1
    house.drop("rows_2.jsonl", lines(case(2, account="A2", country="DE", at="2026-05-01T00:00:00Z")))
    house.take()
    assert run(house).record_ids == 0 and vault_counts(house)[2] == 2
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-17T00:00:00Z")
    assert run(house).record_ids == 1 and vault_counts(house)[2] == 1


def test_a_public_set_keeps_everything(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_source(house.sources, "desk", {"case": CASE})
    told = (folder / "source.toml").read_text()
    none = 'retention_months = "none"\ntext_retention_months = "none"\nidentity_retention_months = "none"\n'
    (folder / "source.toml").write_text("public_set = true\n" + none + told)
    house.drop("rows.jsonl", lines(case(1, account="A1", text="hello", at="1997-01-01T00:00:00Z")))
    house.take()
    assert run(house).nothing
    assert house.rows("select count(text) from lake.case") == [(1,)] and vault_counts(house)[0] == 1


def test_a_consent_in_force_is_kept_as_evidence_and_one_long_out_of_force_is_not(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "register", {"consent": CONSENT})
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2021-01-01T00:00:00Z"}
    house.drop(
        "rows.jsonl",
        lines(
            {"id": "c1", "account": "stays", **grant},
            {"id": "c2", "account": "left", **grant},
            {"id": "c3", "account": "left", **grant, "action": "withdraw", "at": "2022-01-01T00:00:00Z"},
        ),
    )
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2022-06-01T00:00:00Z")
    house.take()
    assert run(house).nothing
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    policy = house.home.root / "policy.toml"
    kept = policy.read_text()
    assert "evidence_months = 36" in kept
    policy.write_text(kept.replace("evidence_months = 36", "evidence_months = 72"))
    assert run(house, dry_run=True).consents == 0
    policy.write_text(kept)
    done = run(house)
    assert (done.rows, done.consents) == (2, 2)
    assert house.rows("select action from lake.consent") == [("grant",)]


@pytest.mark.parametrize("forgotten", [0, 3], ids=["known", "forgotten"])
def test_a_withdrawal_goes_with_the_grant_it_ended_whichever_name_of_the_person_it_was_given_under(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, forgotten: int
) -> None:
    write_source(house.sources, "register", {"consent": CONSENT})
    analytics = {"purpose": "analytics", "type": "general"}
    both = {"account": "A1", "email": "zora@example.org", "purpose": "service", "type": "general", "action": "grant"}
    told = (
        {"id": "c1", "account": "A1", **analytics, "action": "grant", "at": "2021-01-01T00:00:00Z"},
        {"id": "c2", "email": "zora@example.org", **analytics, "action": "withdraw", "at": "2022-01-01T00:00:00Z"},
        {"id": "c3", **both, "at": "2022-02-01T00:00:00Z"},  # one person by this
    )
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2022-06-01T00:00:00Z")
    for n, row in enumerate(told):
        house.drop(f"rows_{n}.jsonl", lines(row))
        house.take()
    with asking(house) as con:
        who = con.execute("select count(distinct subject_id), count(distinct current_id) from vault.subject").fetchone()
        assert who == (2, 1)  # the control
    assert run(house).nothing
    if forgotten:  # evidence outlives who the person was
        monkeypatch.setenv("VOICEHOUSE_CLOCK", "2024-07-01T00:00:00Z")
        done = run(house)
        assert (done.identities, done.consents) == (forgotten, 0)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2025-06-01T00:00:00Z")
    done = run(house)
    assert (done.rows, done.consents) == (2 - bool(forgotten), 2)
    assert house.rows("select purpose from lake.consent") == [("service",)]
    with asking(house) as con:
        assert con.execute("select purpose, action from vault.consent").fetchall() == [("service", "grant")]


def test_a_run_expires_and_what_is_gone_is_in_no_file(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes where a file is open to a search, by a table's content where it is sealed."""
    vault = filled.home.root / "vault" / "vault.duckdb"
    before = vault.stat().st_ino
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2029-01-01T00:00:00Z")
    counts = pipeline.expire(filled.home, filled.keyring, "test")
    assert counts["rows"] == 2 and counts["identities"] == 3
    assert vault.stat().st_ino != before  # a new file: the old one's free blocks are gone with it
    assert vault_counts(filled) == (0, 0, 0)
    assert found_under(filled.inbox, ["Zora Quill"]) == {"Zora Quill"}
    assert found_under(Home.open(filled.home.root).root, ["Zora Quill"]) == set()


class Dying:
    """A connection under which a process dies before one statement: `left` holds what lay in a folder by then."""

    def __init__(self, con: duckdb.DuckDBPyConnection, statement: str, folder: Path, left: Path):
        self.con, self.statement, self.folder, self.left = con, statement, folder, left

    def __getattr__(self, name: str) -> object:
        return getattr(self.con, name)

    def execute(self, statement: str, *given: object) -> duckdb.DuckDBPyConnection:
        if statement == self.statement:
            shutil.copytree(self.folder, self.left)
            died()
        return self.con.execute(statement, *given)


@pytest.mark.parametrize("before", ["checkpoint", "new file"])
def test_a_death_after_what_is_due_was_deleted_leaves_it_in_no_file_once_the_next_run_is_over(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str
) -> None:
    object_to_analytics(filled, "desk:A1")
    restriction.renew(filled.home, filled.keyring)
    folder = filled.home.folder("vault")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2029-01-01T00:00:00Z")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if before == "new file":
            patch.setattr(vault, "place_durably", died)
        else:
            dying = ("CHECKPOINT vault", folder, tmp_path / "left")
            patch.setattr(retention, "connect", lambda *given: Dying(connect(*given), *dying))
        run(filled)
    if before == "checkpoint":  # what the dying process still did in order is undone
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "left", folder)
        assert (folder / "vault.duckdb.wal").exists()
    old = (folder / "vault.duckdb").stat().st_ino
    assert vault_counts(filled) == (0, 0, 0)  # the control: nothing in the vault is due any more
    pipeline.let_go(filled.home, filled.keyring)
    assert (folder / "vault.duckdb").stat().st_ino != old and not list(folder.glob("*.wal"))
    assert vault_counts(filled) == (0, 0, 0) and RestrictedList(filled.home, filled.keyring).entries() == []
    renewed = (folder / "vault.duckdb").stat().st_ino
    pipeline.let_go(filled.home, filled.keyring)
    assert (folder / "vault.duckdb").stat().st_ino == renewed  # once


def late(house: TestHouse) -> int:
    """What check C13 counts."""
    found = check_home(house.home, house.keyring, pipeline.sources(house.home))
    return next(c.n_failed for c in found if c.check_id == "C13")


@contextmanager
def asking(house: TestHouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """The vault open for writing; lake, rows that wait and the keyed hashes beside it."""
    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        quarantine.register(con, Lake(house.home, house.keyring.base64("lake")))
        with open_vault(con, house.home, house.keyring):
            yield con
    finally:
        con.close()


def object_to_analytics(house: TestHouse, account: str) -> None:
    with asking(house) as con:
        subjects.find(con, Sought(account=account))
        restriction.restrict(con, Lake(house.home, house.keyring.base64("lake")), "analytics", "R1")


def test_whoever_was_refused_is_known_no_longer_than_the_sealed_pages_live(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASE}, cn="consent")
    refused = case(1, account="A1", name="王小明", phone="13800138000", country="CN")
    objected, let_in = (
        case(2, account="A2", country="CN"),
        case(3, account="A3", country="DE", at="2026-05-01T00:00:00Z"),
    )
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.drop("rows_1.jsonl", lines(refused, objected, let_in, case(4, name="Nobody", country="CN")))
    house.take()
    object_to_analytics(house, "desk:A2")
    assert house.rows("select count(*) from lake.case") == [(1,)] and vault_counts(house) == (3, 5, 4)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-10T00:00:00Z")
    house.drop("rows_2.jsonl", lines(case(5, account="A1", country="CN")))
    house.take()
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-17T00:00:00Z")  # the first page has expired, the second waits
    counts = pipeline.expire(house.home, house.keyring, "test")
    assert (counts["pages"], counts["identities"], counts["record_ids"]) == (1, 0, 1)
    assert vault_counts(house)[0] == 3 and late(house) == 0
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-26T00:00:00Z")
    assert late(house) > 0  # the control: the last page is past its term, and who is known by it alone
    assert pipeline.expire(house.home, house.keyring, "test")["identities"] == 3
    assert vault_counts(house) == (2, 2, 2)  # who objected, for it to be heeded, and who has a row
    assert late(house) == 0


def test_who_waits_or_asks_is_not_forgotten_for_having_an_old_row(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_source(house.sources, "desk", {"case": CASE})
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2024-03-02T00:00:00Z")
    house.drop("rows_1.jsonl", lines(case(1, account="A1", country="CN", at="2024-03-01T00:00:00Z")))
    house.take()
    told = (folder / "source.toml").read_text()
    (folder / "source.toml").write_text(told.replace('CN = "contract"', 'CN = "consent"'))
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.drop("rows_2.jsonl", lines(case(2, account="A1", country="CN", at="2026-05-30T00:00:00Z")))
    house.take()
    assert house.rows("select count(*) from lake.case") == [(1,)] and vault_counts(house) == (1, 1, 2)
    for clock in ("2026-06-01T02:00:00Z", "2026-06-03T00:00:00Z"):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", clock)
        assert pipeline.expire(house.home, house.keyring, "test")["identities"] == 0 and late(house) == 0
        assert vault_counts(house) == (1, 1, 2)
    with asking(house) as con:
        request = requests.register(con, house.home, "access", subjects.find(con, Sought(account="desk:A1")))
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-20T00:00:00Z")  # the page has expired
    assert pipeline.expire(house.home, house.keyring, "test")["identities"] == 0 and late(house) == 0
    answering.close(house.home, house.keyring, request, "withdrawn", "compliance", "asked by letter")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-22T00:00:00Z")
    assert late(house) > 0  # the control
    assert pipeline.expire(house.home, house.keyring, "test")["identities"] == 1
    assert vault_counts(house)[:2] == (0, 0)


def test_the_term_of_who_objected_begins_with_their_word(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(house.sources, "desk", {"case": CASE}, cn="consent")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.drop("rows.jsonl", lines(*(case(n, account=f"A{n}", country="CN") for n in (1, 2))))
    house.take()
    object_to_analytics(house, "desk:A1")
    for clock, known in (
        ("2028-05-01T00:00:00Z", 1),  # the control: who said nothing is not known by now
        ("2028-05-02T00:00:00Z", 1),
        ("2028-07-01T00:00:00Z", 1),  # 24 months after the first word, 2 after the second
        ("2030-05-03T00:00:00Z", 0),
    ):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", clock)
        pipeline.expire(house.home, house.keyring, "test")
        assert vault_counts(house)[0] == known, clock
        assert late(house) == 0
        if clock.startswith("2028-05-01"):
            object_to_analytics(house, "desk:A1")
    with asking(house) as con:
        assert con.execute("select count(*) from vault.restriction").fetchone() == (0,)


def test_who_is_in_a_batch_that_waits_is_known_as_long_as_it_waits(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, account="A1", at="2026-05-01T00:00:00Z"), case(2, name="Nobody")))
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        house.take()
    for day, known in (("2026-06-20", (1, 1, 2)), ("2026-07-05", (0, 0, 0))):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"{day}T00:00:00Z")
        pipeline.expire(house.home, house.keyring, "test")
        assert vault_counts(house) == known and late(house) == 0


def test_ids_that_name_nobody_go_with_their_rows(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, name="Zora Quill"), case(2, name="Otto", at="2026-05-01T00:00:00Z")))
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.take()
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2028-02-01T00:00:00Z")  # 37 months after the first
    told = run(house, dry_run=True)
    assert late(house) > 0 and vault_counts(house)[2] == 2  # the control
    done = pipeline.expire(house.home, house.keyring, "test")
    assert (told.rows, told.record_ids) == (done["rows"], done["record_ids"]) == (1, 1)
    assert vault_counts(house)[2] == 1 and late(house) == 0


STAFF = """
select _record, raw ->> '$.agent' as agent_id, raw ->> '$.name' as agent_name, raw ->> '$.left' as left_on,
    raw ->> '$.at' as updated_at
from rows where raw ->> '$.name' is not null
"""
HANDLED = """
select _record, raw ->> '$.id' as case_id, raw ->> '$.agent' as agent_id, raw ->> '$.at' as opened_at
from rows where raw ->> '$.id' is not null
"""


def test_names_of_staff_go_a_term_after_they_left_or_were_last_heard_of(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"agent": STAFF, "case": HANDLED})
    at = "2025-01-01T00:00:00Z"
    house.drop(
        "rows.jsonl",
        lines(
            {"agent": "stays", "name": "Stella Stays", "at": at},
            {"agent": "left", "name": "Lars Left", "at": "2024-01-01T00:00:00Z"},
            {"agent": "left", "name": "Lars Left", "left": "2025-02-01", "at": at},
            {"agent": "wrote", "name": "Wanda Wrote", "left": "2025-02-01", "at": at},
            {"id": "T1", "agent": "wrote", "at": "2026-03-01T00:00:00Z"},
        ),
    )
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.take()

    def known() -> list[str]:
        con = connect(house.home.temp)
        try:
            with open_vault(con, house.home, house.keyring, read_only=True):
                return [k for (k,) in con.execute("select original from vault.agent order by 1").fetchall()]
        finally:
            con.close()

    assert run(house).nothing and known() == ["left", "stays", "wrote"]
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2027-03-01T00:00:00Z")
    assert run(house, dry_run=True).identities == 1 and known() == ["left", "stays", "wrote"]
    assert run(house).identities == 1 and known() == ["stays", "wrote"]
    assert found_under(house.home.root, ["Lars Left"]) == set()
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2028-04-01T00:00:00Z")
    assert run(house).identities == 1 and known() == ["stays"]
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2040-01-01T00:00:00Z")
    assert run(house).identities == 0 and known() == ["stays"]


def test_the_directory_holds_whoever_is_employed_and_forgets_them_a_term_after_they_left(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"agent": STAFF})
    house.drop(
        "rows.jsonl",
        lines(
            {"agent": "stays", "name": "Stella", "at": "2019-01-01T00:00:00Z"},
            {"agent": "stays", "name": "Stella Stays", "at": "2020-01-01T00:00:00Z"},  # the version of today
            {"agent": "left", "name": "Lars", "at": "2024-01-01T00:00:00Z"},
            {"agent": "left", "name": "Lars", "left": "2026-05-01", "at": "2026-04-01T00:00:00Z"},
            {"agent": "back", "name": "Bea", "left": "2020-01-01", "at": "2019-12-01T00:00:00Z"},
            {"agent": "back", "name": "Bea", "at": "2023-01-01T00:00:00Z"},
        ),
    )
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.take()

    def held() -> list[str]:
        found = house.rows("select strftime(updated_at, '%Y-%m') from lake.agent order by 1")
        return [month for (month,) in found]

    assert held() == ["2019-01", "2019-12", "2020-01", "2023-01", "2024-01", "2026-04"] and overdue(house) == 2
    assert run(house).rows == 2 and held() == ["2020-01", "2023-01", "2024-01", "2026-04"]  # replaced, 36 months ago
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2028-04-30T00:00:00Z")
    assert run(house).rows == 1 and held() == ["2020-01", "2023-01", "2026-04"] and overdue(house) == 0
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2028-05-02T00:00:00Z")
    assert overdue(house) == 1 and run(house).rows == 1 and held() == ["2020-01", "2023-01"]
    connected = retention.connect
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2028-05-02T01:00:00Z")
    monkeypatch.setattr(retention, "connect", lambda *_: pytest.fail("nothing is due, and the lake was opened"))
    assert run(house).nothing
    monkeypatch.setattr(retention, "connect", connected)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2060-01-01T00:00:00Z")
    assert run(house).rows == 0 and held() == ["2020-01", "2023-01"]
