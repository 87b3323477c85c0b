"""What one person may ask of the house: found, told, restricted, erased, and not coming back.

Keep out: rotation of keys.
"""

import fcntl
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from orchestration import answering, pipeline
from orchestration.cli import main
from orchestration.engine import connect
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake import audit
from orchestration.lake import rewrite as rewriting
from orchestration.lake.audit import AuditResult, CheckResult
from orchestration.messages import translated
from orchestration.privacy import erasure, evidence, pseudonyms, requests, restriction, subjects
from orchestration.privacy.audit import Check, check_home
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import ErasedList
from orchestration.privacy.subjects import Sought
from orchestration.privacy.vault import open_vault
from orchestration.serving import postgres
from orchestration.serving.privacy_report import LIMITS
from tests.house import TestHouse, copy_of, died, write_source
from tests.integration.test_gate import CASE, case, lines

EVENT = """
select
    _record, raw ->> '$.event' as event_id, raw ->> '$.id' as case_id, raw ->> '$.at' as occurred_at,
    'message_in' as event_type, raw ->> '$.said' as text
from rows where raw ->> '$.event' is not null
"""
WHO = ["--role", "compliance", "--reason", "asked by letter"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """Zora under an account and two addresses, the second proved one only later.

    An event of her case without a person.
    """
    house = TestHouse(tmp_path_factory.mktemp("made"))
    write_source(house.sources, "desk", {"case": CASE, "case_event": EVENT})
    zora = {"name": "Zora Quill", "verified": "true", "country": "DE"}
    house.drop(
        "rows_1.jsonl",
        lines(
            case(1, account="Z1", email="zora@example.org", text="hello", event="E1", said="it broke", **zora),
            case(2, email="quill@example.net", text="again", **zora),
            case(3, account="O1", name="Otto", country="CN", text="other", event="E3", said="mine too"),
        ),
    )
    house.take()
    house.drop("rows_2.jsonl", lines(case(4, account="Z1", email="quill@example.net", **zora)))
    house.take()
    return house


@pytest.fixture
def filled(made: TestHouse, tmp_path: Path) -> TestHouse:
    """A copy of it for one test."""
    return copy_of(made, tmp_path / "house")


def request_for(house: TestHouse, sought: Sought, action: str = "erase") -> requests.Request:
    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        with open_vault(con, house.home, house.keyring):
            return requests.register(con, house.home, action, subjects.find(con, sought))
    finally:
        con.close()


def erase(house: TestHouse, sought: Sought) -> erasure.Receipt:
    return erasure.erase(house.home, house.keyring, request_for(house, sought))


def command(house: TestHouse, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    "sought",
    [
        Sought(email=" ZORA@example.org"),
        Sought(email="quill@example.net"),
        Sought(account="desk:z1"),
        Sought(record="desk:case:T2"),
    ],
)
def test_a_person_merged_late_is_erased_whole_by_whatever_is_known(
    filled: TestHouse, sought: Sought, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setenv("VOICEHOUSE_CLOCK", "2020-01-01T00:00:00Z")
        AuditLog(filled.home, filled.keyring).append("backup", files=9)
    AuditLog(filled.home, filled.keyring).append("backup", files=9)
    receipt = erase(filled, sought)
    assert receipt.before["lake"] == 4 and receipt.before["vault"] > 0  # three cases and the event of one
    assert receipt.is_complete and set(receipt.by_schedule) == {"landing", "backups"}
    # Nobody but people deletes a backup: the receipt asks for it and promises nothing.
    known = r"\(the audit log knows 1 made since .*, the newest of .*, and 1 older\)"
    told = rf"you must delete backups made before .* UTC by \d{{4}}-\d\d-\d\d {known}:"
    assert re.match(told, receipt.by_schedule["backups"])
    assert "须由您至迟于" in translated(receipt.by_schedule["backups"], "zh")
    assert filled.rows("select count(*) from lake.case") == [(1,)]
    assert filled.rows("select text from lake.case_event") == [("mine too",)]
    ledger = filled.ledger()
    assert ledger[("case", "withheld", "erased")] == 3 and ledger[("case_event", "withheld", "erased")] == 1
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []
    kept = (filled.home.root / "ops" / "receipts" / f"{receipt.request_id}.json").read_text()
    assert "zora" not in kept.lower() and json.loads(kept)["is_complete"]
    assert request_count(filled, Sought(account="desk:O1")) == 1  # the control: the other is still known


def test_an_erasure_reaches_whoever_turned_out_to_be_the_person_since_it_was_registered(filled: TestHouse) -> None:
    request = request_for(filled, Sought(account="desk:Z1"))
    filled.drop("rows_3.jsonl", lines(case(5, account="Z9", email="zora@example.org", verified="true", country="DE")))
    filled.take()
    assert request_count(filled, Sought(account="desk:Z1")) == 3  # the control
    receipt = erasure.erase(filled.home, filled.keyring, request)
    assert receipt.is_complete and filled.rows("select count(*) from lake.case") == [(1,)]
    assert request_count(filled, Sought(account="desk:Z9")) == 0


def part(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the address away that joined what was written under it alone (T2) to her account."""
    ask = ["subject", "rectify", "--account", "desk:Z1", *WHO, "--wrong-email", "quill@example.net"]
    assert command(house, monkeypatch, *ask).exit_code == 0


def of_vault(house: TestHouse, sql: str) -> list[tuple]:
    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        with open_vault(con, house.home, house.keyring, read_only=True):
            return con.execute(sql).fetchall()
    finally:
        con.close()


def test_nothing_tells_after_an_erasure_who_was_one_with_the_person_for_a_time(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    part(filled, monkeypatch)
    ((erased,),) = of_vault(
        filled, "SELECT subject_id FROM vault.subject WHERE is_account AND subject_id IN (SELECT current_id FROM vault.merge "
        "WHERE subject_id <> current_id)",
    )  # fmt: skip
    ((key,),) = of_vault(filled, f"SELECT hmac_pseudonym_person('{erased}')")
    told = f"select count(*) from lake._subjects where '{key}' in (subject_key, current_subject_key)"
    assert filled.rows(told) != [(0,)]  # the control
    receipt = erase(filled, Sought(account="desk:Z1"))
    assert receipt.is_complete and receipt.before["merges"] > 0 and receipt.after["merges"] == 0
    assert filled.rows(told) == [(0,)]
    assert of_vault(filled, f"SELECT count(*) FROM vault.merge WHERE '{erased}' IN (subject_id, current_id)") == [(0,)]
    filled.drop("rows_3.jsonl", lines(case(8, account="O1", country="CN")))
    filled.take()
    filled.build()  # whoever was parted is still somebody


def test_an_address_that_many_share_is_forgotten_with_the_last_who_has_it(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    both = [case(n, account=f"A{n}", email="desk@firm.example", verified="true") for n in range(1, 8)]
    house.drop("rows.jsonl", lines(*both))
    house.take()
    shared = "SELECT count(*) FROM vault.shared"
    assert of_vault(house, shared) == [(1,)]
    for n in range(1, 7):
        assert erase(house, Sought(account=f"desk:A{n}")).is_complete
        assert of_vault(house, shared) == [(1,)]  # others have it: it must join nobody
    assert erase(house, Sought(account="desk:A7")).is_complete
    assert of_vault(house, shared) == [(0,)]


def test_who_was_parted_since_a_request_was_registered_is_left_out_of_its_answer(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = request_for(filled, Sought(account="desk:Z1"), "access")
    forgotten = request_for(filled, Sought(account="desk:Z1"))
    part(filled, monkeypatch)
    assert answering.copy(filled.home, filled.keyring, asked, tmp_path / "copy.json").rows["case"] == 2
    assert "hello" in (tmp_path / "copy.json").read_text() and "again" not in (tmp_path / "copy.json").read_text()
    assert erasure.erase(filled.home, filled.keyring, forgotten).is_complete
    assert filled.rows("select text from lake.case order by 1") == [("again",), ("other",)]


def test_a_request_of_which_nobody_can_say_who_asked_is_refused_and_stays_open(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = request_for(filled, Sought(email="quill@example.net"), "access")  # the very address that joins the two
    part(filled, monkeypatch)
    for one in (request, replace(request, sought=())):  # or of an earlier release, which kept not who was sought
        with pytest.raises(VoicehouseError, match="register it again") as told:
            answering.copy(filled.home, filled.keyring, one, tmp_path / "copy.json")
        assert translated(str(told.value), "zh") != str(told.value)
    assert not (tmp_path / "copy.json").exists()
    assert answering.open_request(filled.home, filled.keyring, request.request_id) == request


def test_who_had_been_erased_meanwhile_is_told_nothing(filled: TestHouse, tmp_path: Path) -> None:
    request = request_for(filled, Sought(account="desk:Z1"), "access")
    erase(filled, Sought(account="desk:Z1"))
    copied = answering.copy(filled.home, filled.keyring, request, tmp_path / "copy.json")
    assert (copied.rows, copied.waiting) == ({}, {})


def checks(house: TestHouse) -> dict[str, Check]:
    return {c.check_id: c for c in check_home(house.home, house.keyring, pipeline.sources(house.home))}


def request_count(house: TestHouse, sought: Sought) -> int:
    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        with open_vault(con, house.home, house.keyring, read_only=True):
            return len(subjects.find(con, sought))
    finally:
        con.close()


def test_who_was_erased_does_not_come_back_by_replay_but_may_come_anew(filled: TestHouse) -> None:
    erase(filled, Sought(account="desk:Z1"))
    filled.drop(
        "rows_1.jsonl", lines(case(5, account="O1", country="CN")) + (filled.inbox / "rows_1.jsonl").read_text()
    )
    later = case(6, account="Z1", country="DE", at="2027-01-01T00:00:00Z")
    filled.take()
    assert filled.ledger()[("case", "rejected", "erased")] == 2
    assert filled.ledger()[("case_event", "rejected", "erased")] == 1
    assert request_count(filled, Sought(account="desk:Z1")) == 0
    assert sum(erasure.traces(filled.home, filled.keyring).values()) == 0
    assert erasure.returned(filled.home, filled.keyring) == (1, 0)
    filled.drop("rows_3.jsonl", lines(later))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEHOUSE_CLOCK", "2027-01-02T00:00:00Z")
        filled.take()
    assert request_count(filled, Sought(account="desk:Z1")) == 1
    assert sum(erasure.traces(filled.home, filled.keyring).values()) == 0
    assert erasure.returned(filled.home, filled.keyring) == (1, 0)  # what happened later is not what came back
    (entry,) = ErasedList(filled.home, filled.keyring).entries()
    ErasedList(filled.home, filled.keyring).add(replace(entry, erased_at="2027-01-01T12:00:00"))
    assert erasure.returned(filled.home, filled.keyring)[1] == 1  # a row of before an erasure, let in after it


def test_who_is_known_by_name_or_handle_alone_is_in_no_store_and_found_by_nothing(house: TestHouse) -> None:
    """A known limit of the report: nothing leads back to them, which is also why no request finds their rows."""
    sql = CASE.replace("raw ->> '$.name' as", "raw ->> '$.handle' as person_handle, raw ->> '$.name' as")
    write_source(house.sources, "desk", {"case": sql})
    house.drop("rows.jsonl", lines(case(1, name="Zora Quill"), case(2, handle="zq_fan"), case(3, account="Z1")))
    house.take()
    assert house.rows("select count(*) from lake.case where subject_key is null") == [(2,)]
    assert [request_count(house, Sought(record=f"desk:case:T{n}")) for n in (1, 2, 3)] == [0, 0, 1]
    con = connect(house.home.temp)
    pseudonyms.install(con, house.keyring)
    with open_vault(con, house.home, house.keyring, read_only=True):
        assert con.execute("SELECT domain FROM vault.identity").fetchall() == [("account",)]
    con.close()
    assert any("by name or handle alone" in en and "昵称" in zh for zh, en in LIMITS)


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        ('"legitimate_interests"', [("T2", ["service", "analytics"]), ("T4", ["service", "analytics"])]),
        # What the mainland's law knows a ground for too stays, for that.
        (
            '{ service = "contract", analytics = "legitimate_interests" }',
            [("T1", ["service"]), ("T2", ["service", "analytics"]), ("T3", ["service"]), ("T4", ["service", "analytics"])],
        ),
    ],
)  # fmt: skip
def test_a_country_learnt_later_takes_away_the_ground_that_its_law_does_not_know(
    house: TestHouse, other: str, kept: list[tuple[str, list[str]]]
) -> None:
    toml = write_source(house.sources, "desk", {"case": CASE}) / "source.toml"
    toml.write_text(toml.read_text().replace('CN = "contract"\n', "").replace('other = "contract"', f"other = {other}"))
    house.drop("rows_1.jsonl", lines(case(1, account="Z1", text="one"), case(2, account="Z2", text="two")))
    house.take()
    both = house.rows("select purposes from lake.case")
    assert both == [(["service", "analytics"],)] * 2  # the control: nobody's law is known yet
    later = [case(3, account="Z1", country="CN", text="three"), case(4, account="Z2", country="US", text="four")]
    house.drop("rows_2.jsonl", lines(*later))
    house.take()
    c1 = checks(house)["C1"]
    assert (c1.n_failed, "learnt since they came, does not know: 1" in c1.evidence) == (1, True)
    pipeline.let_go(house.home, house.keyring, dry_run=False)
    told = {"one": "T1", "two": "T2", "three": "T3", "four": "T4"}
    found = house.rows("select text, purposes from lake.case")
    assert sorted((told[text], purposes) for text, purposes in found) == kept
    assert checks(house)["C1"].n_failed == 0
    gone = 4 - len(kept)  # T3, where it is gone, was refused by the mainland's law at once
    assert house.ledger().get(("case", "rejected", "no_basis"), 0) == gone // 2
    assert house.ledger().get(("case", "withheld", "no_basis"), 0) == gone // 2
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_record_told_before_its_person_is_theirs_and_does_not_come_back(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", lines(case(1, name="Zora Quill", text="hello")))
    house.take()
    assert request_count(house, Sought(record="desk:case:T1")) == 0  # the control: it is nobody's yet
    house.drop("rows_2.jsonl", lines(case(1, account="Z1", country="DE", text="again", updated="2025-01-03T00:00:00Z")))
    house.take()
    assert request_count(house, Sought(record="desk:case:T1")) == 1
    assert erase(house, Sought(account="desk:Z1")).is_complete
    house.drop("rows_1.jsonl", (house.inbox / "rows_1.jsonl").read_text() + lines(case(7, account="O1", text="thanks")))
    house.take()
    assert house.rows("select text from lake.case") == [("thanks",)]
    assert house.ledger()[("case", "rejected", "erased")] == 1


def test_a_case_that_is_somebody_elses_goes_on_when_who_held_a_version_of_it_is_erased(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE, "case_event": EVENT})
    house.drop("rows_1.jsonl", lines(case(1, account="X1", country="DE")))
    house.take()
    house.drop("rows_2.jsonl", lines(case(1, account="Y1", country="DE", updated="2025-01-03T00:00:00Z")))
    house.take()
    assert erase(house, Sought(account="desk:Y1")).is_complete
    house.drop("rows_3.jsonl", lines(case(1, account="X1", country="DE", event="E2", updated="2025-01-04T00:00:00Z")))
    house.take()
    assert ("case", "rejected", "erased") not in house.ledger()
    assert house.rows("select count(*) from lake.case") == [(2,)]
    assert house.rows("select count(*) from lake.case_event") == [(1,)]
    house.drop("rows_2.jsonl", (house.inbox / "rows_2.jsonl").read_text() + lines(case(7, account="X1", country="DE")))
    house.take()
    assert house.ledger()[("case", "rejected", "erased")] == 1  # the control: their own version does not come back
    assert house.rows("select count(*) from lake.case") == [(3,)]


def test_ids_that_the_vault_has_for_nobody_go_with_the_rows_they_name(filled: TestHouse) -> None:
    erase(filled, Sought(account="desk:Z1"))
    con = connect(filled.home.temp)
    try:
        with open_vault(con, filled.home, filled.keyring, read_only=True):
            assert con.execute("SELECT original FROM vault.record_key ORDER BY 1").fetchall() == [("E3",), ("T3",)]
    finally:
        con.close()


def test_exact_figures_of_a_look_back_go_with_an_erasure(filled: TestHouse) -> None:
    path = filled.home.folder("known_at") / "2026-01-01T00-00-00.duckdb"
    path.write_bytes(b"figures that hold her")
    broken_off = filled.home.folder("dbt", "known_at") / "warehouse.duckdb"
    broken_off.write_bytes(b"rows of hers")
    receipt = erase(filled, Sought(account="desk:Z1"))
    assert (receipt.before["known_at"], receipt.after["known_at"]) == (1, 0)
    assert not path.exists() and not broken_off.exists()
    path.write_bytes(b"figures of whoever is left")  # made since
    assert erasure.traces(filled.home, filled.keyring)["known_at"] == 0 and checks(filled)["C13"].n_failed == 0
    os.utime(path, (0, 0))
    assert erasure.traces(filled.home, filled.keyring)["known_at"] == 1  # the control: one from before would be told
    assert checks(filled)["C13"].n_failed == 1
    pipeline.let_go(filled.home, filled.keyring, dry_run=True)
    assert path.exists()
    pipeline.let_go(filled.home, filled.keyring)  # left by a release that did not remove them
    assert not path.exists() and checks(filled)["C13"].n_failed == 0
    path.write_bytes(b"figures of whoever is left")
    pipeline.let_go(filled.home, filled.keyring)
    assert path.exists()


def test_an_erasure_reaches_the_quarantine_and_a_replayed_batch(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.lake import quarantine

    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, account="Z1"), case(2, account="O1")))
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        house.take()
    receipt = erase(house, Sought(account="desk:Z1"))
    assert receipt.before["quarantine"] == 1 and receipt.is_complete
    (note,) = quarantine.batches(house.home)
    assert quarantine.replay(house.home, house.keyring, note["batch"])
    assert house.rows("select count(*) from lake.case") == [(1,)]
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_an_erasure_that_postgresql_has_yet_to_hear_of_is_not_done(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreached(home: Home, *_: object) -> tuple[str, ...]:
        (home.folder("ops") / "postgres_due.json").write_text("{}")
        return ()

    filled.home.furnish(replace(filled.home.house, postgres={"schema": "voicehouse"}), anew=True)
    monkeypatch.setattr(pipeline, "rebuild", unreached)
    done = command(filled, monkeypatch, "subject", "erase", "--account", "desk:Z1", *WHO, "--yes")
    assert done.exit_code == 1 and "voicehouse publish postgres" in done.stdout
    (receipt,) = (filled.home.root / "ops" / "receipts").glob("*.json")
    kept = json.loads(receipt.read_text())
    assert "did not answer" in kept["by_schedule"]["postgres"] and "没有应答" in kept["by_schedule_zh"]["postgres"]


def test_a_receipt_is_told_in_the_readers_language(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "rebuild", lambda *_: ())
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    done = command(filled, monkeypatch, "subject", "erase", "--account", "desk:Z1", *WHO, "--yes")
    assert "封存的页面至迟于" in done.stdout and "sealed pages expire" not in done.stdout, done.output
    assert "只可用 --erased" in done.stdout and "only with --erased" not in done.stdout


def test_a_receipt_tells_of_other_requests_of_the_person_that_stay_open(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "rebuild", lambda *_: ())
    theirs = [request_for(filled, Sought(account="desk:Z1"), action) for action in ("access", "restrict")]
    strangers = request_for(filled, Sought(account="desk:O1"), "access")
    done = command(filled, monkeypatch, "subject", "erase", "--account", "desk:Z1", *WHO, "--yes")
    assert "still open: 2 (" in done.stdout and "voicehouse subject close" in done.stdout, done.output
    assert all(r.request_id in done.stdout for r in theirs) and strangers.request_id not in done.stdout
    (receipt,) = (filled.home.root / "ops" / "receipts").glob("*.json")
    kept = json.loads(receipt.read_text())
    assert set(kept["other_requests"]) == {r.request_id for r in theirs}
    assert "尚有未结的其他请求：2 件" in kept["by_schedule_zh"]["requests"]


@pytest.mark.parametrize("step", ["lake", "quarantine", "vault"])
def test_an_erasure_cut_short_goes_on_from_where_it_was(filled: TestHouse, step: str) -> None:
    request = request_for(filled, Sought(account="desk:Z1"))

    def die(store: str) -> None:
        if store == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erasure.erase(filled.home, filled.keyring, request, die)
    assert sum(erasure.traces(filled.home, filled.keyring).values()) > 0  # the control
    receipt = erasure.erase(filled.home, filled.keyring, request)
    assert receipt.is_complete and receipt.before["lake"] == 4  # as it was before the first attempt
    assert filled.ledger()[("case", "withheld", "erased")] == 3


@pytest.mark.parametrize("step", ["quarantine", "vault"])
def test_an_erasure_cut_short_reaches_what_waits_of_a_case_that_is_gone(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from orchestration.lake import quarantine

    cases_that_wait(filled, monkeypatch, "case_event")
    waiting = [n for n in quarantine.batches(filled.home) if n["part"]["kind"] == "case_event"]
    request = request_for(filled, Sought(account="desk:Z1"))

    def die(store: str) -> None:
        if store == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erasure.erase(filled.home, filled.keyring, request, die)
    if step == "quarantine":
        assert erasure.traces(filled.home, filled.keyring)["quarantine"] == 1  # told though its case is gone
    receipt = erasure.erase(filled.home, filled.keyring, request)
    assert receipt.is_complete and receipt.before["quarantine"] == 1
    (note,) = [n for n in quarantine.batches(filled.home) if n["part"]["kind"] == "case_event"]
    assert (waiting[0]["part"]["rows"], note["part"]["rows"]) == (2, 1)  # Otto's waits on
    assert erasure.returned(filled.home, filled.keyring)[1] == 0


def test_a_lake_put_back_from_before_the_erasure_is_erased_again(filled: TestHouse, tmp_path: Path) -> None:
    import shutil

    for name in ("lake", "vault", "audit"):
        shutil.copytree(filled.home.root / name, tmp_path / "backup" / name)
    erase(filled, Sought(account="desk:Z1"))
    assert erasure.reapply_erasures(filled.home, filled.keyring) == 0
    for name in ("lake", "vault", "audit"):
        shutil.rmtree(filled.home.root / name)
        shutil.copytree(tmp_path / "backup" / name, filled.home.root / name)
    assert sum(erasure.traces(filled.home, filled.keyring).values()) > 0  # the control: the backup brought her back
    back = erasure.returned(filled.home, filled.keyring)[1]
    assert back == 4 + 4 + 3  # identities, the ids of three cases and of an event, rows
    assert erasure.reapply_erasures(filled.home, filled.keyring) == 1
    assert sum(erasure.traces(filled.home, filled.keyring).values()) == 0
    assert filled.rows("select count(*) from lake.case") == [(1,)]


def test_a_copy_holds_every_row_and_identity_of_the_person_and_nobody_elses(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "copy.json"
    done = command(filled, monkeypatch, "subject", "export", "--email", "zora@example.org", *WHO, "--to", str(path))
    assert done.exit_code == 0, done.output
    told = json.loads(path.read_text())
    assert path.stat().st_mode & 0o077 == 0
    assert {i["value"] for i in told["identities"]} == {"zora@example.org", "quill@example.net", "Zora Quill", "Z1"}
    assert len(told["records"]["case"]) == 3 and len(told["records"]["case_event"]) == 1
    assert "other" not in path.read_text() and "Otto" not in path.read_text()
    proof = evidence.noted(filled.home)["C17"]
    assert (proof["checked"], proof["failed"]) == (3, 0)
    actions = [line["action"] for line in AuditLog(filled.home, filled.keyring).lines()]
    assert "subject export" in actions


def cases_that_wait(house: TestHouse, monkeypatch: pytest.MonkeyPatch, waits: str = "case") -> Path:
    """A case of hers and one of Otto's fail their check and wait; an event of hers, without a person, comes in.

    Or the events wait and the cases come in (`waits`).
    """
    failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
    with monkeypatch.context() as patch:
        patch.setattr(audit, "audit_batch", lambda _, kind, **__: failing if kind == waits else AuditResult(()))
        hers = case(5, account="Z1", country="DE", text="waits", event="E5", said="hers too")
        his = {"event": "E15", "said": "mine three"} if waits == "case_event" else {}
        house.drop("rows_5.jsonl", lines(hers, case(15, account="O1", country="CN", text="his", **his)))
        house.take()
    (batch,) = (house.home.root / "quarantine").glob("*/*.parquet")
    return batch


def test_a_copy_holds_rows_that_wait_and_says_why_they_do(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch = cases_that_wait(filled, monkeypatch)
    by = ["--email", "zora@example.org", *WHO]
    held = {"rows": {"case": 3, "case_event": 2}, "waiting": {"case": 1}}
    for ask in (["find"], ["export", "--to", str(tmp_path / "none.json"), "--dry-run"], ["erase", "--dry-run"]):
        found = json.loads(command(filled, monkeypatch, "subject", *ask, *by, "--json").stdout)
        assert {part: found[part] for part in held} == held, ask
    path = tmp_path / "copy.json"
    done = command(filled, monkeypatch, "subject", "export", *by, "--to", str(path), "--json")
    assert held.items() <= json.loads(done.stdout).items()
    told = json.loads(path.read_text())
    assert [(r["text"], r["failed_checks"]) for r in told["waiting"]["case"]] == [("waits", ["planned to fail"])]
    assert {r["text"] for r in told["records"]["case_event"]} == {
        "it broke",
        "hers too",
    } and "his" not in path.read_text()
    proof = evidence.noted(filled.home)["C17"]
    assert (proof["checked"], proof["failed"]) == (4, 0)
    batch.with_suffix(".json").unlink()  # the control: a row that the copy does not find is counted all the same
    assert command(filled, monkeypatch, "subject", "export", *by, "--to", str(path)).exit_code == 0
    proof = evidence.noted(filled.home)["C17"]
    assert (proof["checked"], proof["failed"]) == (4, 1)


def test_what_belongs_to_a_case_that_waits_goes_with_an_erasure(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases_that_wait(filled, monkeypatch)
    said = "select count(*) from lake.case_event where text = 'hers too'"
    assert filled.rows(said) == [(1,)]  # the control
    receipt = erase(filled, Sought(account="desk:Z1"))
    assert (receipt.before["lake"], receipt.before["quarantine"]) == (5, 1) and receipt.is_complete
    assert filled.rows(said) == [(0,)]


def test_a_restricted_persons_rows_are_used_for_nothing_until_lifted(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = "select count(*) from lake.case where list_contains(purposes, 'analytics')"
    assert filled.rows(used) == [(4,)]
    by = ["--email", "zora@example.org", *WHO]
    assert command(filled, monkeypatch, "subject", "object", *by).exit_code == 0
    assert filled.rows(used) == [(1,)]
    assert filled.rows("select count(*) from lake.case where list_contains(purposes, 'service')") == [(4,)]
    filled.drop("rows_3.jsonl", lines(case(7, account="Z1", country="DE")))
    filled.take()
    assert filled.rows(used) == [(1,)]  # rows that come later are struck out at the gate
    assert command(filled, monkeypatch, "subject", "restrict", *by).exit_code == 0
    assert filled.rows("select count(*) from lake.case where list_contains(purposes, 'service')") == [(1,)]
    assert command(filled, monkeypatch, "subject", "restrict", "--lift", *by).exit_code == 0
    assert filled.rows("select count(*) from lake.case where list_contains(purposes, 'service')") == [(5,)]


EXPORT = ["export", "orders", "--recipient", "lab", "--role", "analyst", "--purpose", "analytics", "--dry-run"]
USED = "select count(*) from lake.{} where list_contains(purposes, 'analytics')"


def test_an_objection_reaches_batches_that_wait_and_goes_with_its_lifting(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.lake import quarantine

    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        for number in (5, 6):
            filled.drop(f"rows_{number}.jsonl", lines(case(number, account="Z1"), case(number + 10, account="O1")))
            filled.take()
    first, second = sorted(n["batch"] for n in quarantine.batches(filled.home))
    by = ["--email", "zora@example.org", *WHO]
    assert command(filled, monkeypatch, "subject", "object", *by).exit_code == 0
    assert command(filled, monkeypatch, "quarantine", "replay", first).exit_code == 0
    assert filled.rows(USED.format("case")) == [(2,)]  # Otto's, of before and of the batch
    assert command(filled, monkeypatch, "subject", "object", "--lift", *by).exit_code == 0
    assert quarantine.replay(filled.home, filled.keyring, second)
    assert filled.rows(USED.format("case")) == [(8,)]
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []


def test_what_turns_out_to_be_theirs_is_struck_out_with_the_next_run(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.drop("rows_3.jsonl", lines(case(5, email="otto@example.org", verified="true")))
    filled.take()
    by = ["--account", "desk:O1", *WHO]
    assert command(filled, monkeypatch, "subject", "object", *by).exit_code == 0
    assert command(filled, monkeypatch, "subject", "restrict", *by).exit_code == 0
    assert command(filled, monkeypatch, "subject", "restrict", "--lift", *by).exit_code == 0
    used = [filled.rows(USED.format(kind)) for kind in ("case", "case_event")]
    assert used == [[(4,)], [(1,)]]  # the objection stands though the restriction is lifted
    one = case(6, account="O1", email="otto@example.org", verified="true", event="E6", said="again")
    filled.drop("rows_4.jsonl", lines(one))
    filled.take()
    assert checks(filled)["C3"].n_failed == 2  # the case of what is his address, and an event of his case
    filled.home.warehouse.write_bytes(b"made of rows that are not to be used")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rewriting, "rewrite", died)
        pipeline.let_go(filled.home, filled.keyring)
    assert not filled.home.warehouse.exists()
    assert AuditLog(filled.home, filled.keyring).newest("restrictions renewed")["facts"] == {"rows": 2}
    pipeline.let_go(filled.home, filled.keyring)
    assert [filled.rows(USED.format(kind)) for kind in ("case", "case_event")] == [[(3,)], [(1,)]]
    found = checks(filled)["C3"]
    assert (found.status, found.n_checked, found.n_failed) == ("passed", 1, 0)
    assert AuditLog(filled.home, filled.keyring).newest("restrictions renewed")["facts"] == {"rows": 2}


def test_nobody_restricted_opens_no_file_of_the_lake(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(rewriting, "count", opened)
    assert restriction.renew(filled.home, filled.keyring) == 0
    monkeypatch.undo()
    command(filled, monkeypatch, "subject", "object", "--account", "desk:O1", *WHO)
    monkeypatch.setattr(rewriting, "count", opened)
    with pytest.raises(AssertionError):
        restriction.renew(filled.home, filled.keyring)  # the control


def test_a_lifting_that_was_cut_short_is_undone_by_the_next_run(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = ["--account", "desk:O1", *WHO]
    assert command(filled, monkeypatch, "subject", "object", *by).exit_code == 0
    pipeline.let_go(filled.home, filled.keyring)
    struck = filled.rows(USED.format("case"))
    with monkeypatch.context() as patch:
        patch.setattr(answering.requests, "close", died)  # the lake is rewritten, the vault not written yet
        assert command(filled, monkeypatch, "subject", "object", "--lift", *by).exit_code == 130
    assert filled.rows(USED.format("case")) != struck and checks(filled)["C3"].n_failed > 0
    pipeline.let_go(filled.home, filled.keyring)
    assert filled.rows(USED.format("case")) == struck and checks(filled)["C3"].n_failed == 0


def test_rows_of_who_was_restricted_are_not_exported_before_the_models_know(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.home.warehouse.write_bytes(b"made of rows that are not to be used")
    by = ["--account", "desk:O1", *WHO]
    assert command(filled, monkeypatch, "subject", "restrict", *by, "--dry-run").exit_code == 0
    assert filled.home.warehouse.exists()
    assert command(filled, monkeypatch, "subject", "restrict", *by).exit_code == 0
    done = command(filled, monkeypatch, *EXPORT)
    assert done.exit_code == 1 and "voicehouse run" in done.stderr


def test_models_are_gone_before_a_row_they_were_made_of_changes(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "rewrite", died)
    monkeypatch.setattr(erasure, "_rows_of_database", lambda *_: 1)
    for action in (["restrict"], ["erase", "--yes"]):
        filled.home.warehouse.write_bytes(b"made of rows that are not to be used")
        assert command(filled, monkeypatch, "subject", *action, "--account", "desk:O1", *WHO).exit_code == 130
        assert not filled.home.warehouse.exists(), action


def test_a_death_after_the_restricted_file_is_gone_leaves_postgresql_to_hear_of_it(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.home.furnish(replace(filled.home.told, postgres={"schema": "voicehouse"}), anew=True)
    team = filled.home.serving / "team.duckdb"
    team.write_bytes(b"rows of the person")
    monkeypatch.setattr(rewriting, "rewrite", died)
    monkeypatch.setattr(erasure, "_rows_of_database", lambda *_: 1)
    assert not postgres.is_due(filled.home)
    assert command(filled, monkeypatch, "subject", "erase", "--yes", "--account", "desk:O1", *WHO).exit_code == 130
    assert not team.exists() and postgres.is_due(filled.home)


def test_models_stay_when_only_rows_that_wait_are_struck_out(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 1, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        filled.drop("rows_7.jsonl", lines(case(7, account="N1")))
        filled.take()
    filled.home.warehouse.write_bytes(b"made of other rows")
    done = command(filled, monkeypatch, "subject", "restrict", "--account", "desk:N1", *WHO, "--json")
    assert json.loads(done.stdout)["rows"] == 1
    assert filled.home.warehouse.exists()


@pytest.mark.parametrize("action", [["restrict"], ["object", "--purpose", "service"]])
def test_a_trial_of_a_restriction_counts_what_it_then_changes_in_the_lake_and_in_quarantine(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, action: list[str]
) -> None:
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 1, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        filled.drop("rows_7.jsonl", lines(case(7, account="O1")))
        filled.take()
    asked = ("subject", *action, "--account", "desk:O1", *WHO)
    for lift, expected in (([], 1), ([], 0), (["--lift"], 1)):
        dry = json.loads(command(filled, monkeypatch, *asked, *lift, "--dry-run", "--json").stdout)
        assert dry["waiting"] == ({"case": 1} if expected else {})
        assert f"quarantine: {expected}" in command(filled, monkeypatch, *asked, *lift, "--dry-run").stdout
        done = json.loads(command(filled, monkeypatch, *asked, *lift, "--json").stdout)
        assert done["rows"] == sum(dry["rows"].values()) + sum(dry["waiting"].values())
        assert bool(sum(dry["rows"].values())) is bool(expected)


def test_a_home_whose_models_are_gone_has_something_to_make(filled: TestHouse) -> None:
    filled.home.warehouse.write_bytes(b"the models")
    pipeline.mark_served(filled.home)
    assert pipeline.is_served(filled.home)
    filled.home.warehouse.unlink()
    assert not pipeline.is_served(filled.home)


def test_no_rows_are_exported_while_another_writes(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with (filled.home.root / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = command(filled, monkeypatch, *EXPORT)
    assert done.exit_code == 3 and "is writing to this home" in done.stderr


def test_an_address_that_is_not_theirs_is_taken_away_and_parts_whom_it_joined(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert request_count(filled, Sought(account="desk:Z1")) == 2
    by = ["--account", "desk:Z1", *WHO]
    done = command(filled, monkeypatch, "subject", "rectify", *by, "--wrong-email", "quill@example.net", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["removed"] == 2
    assert request_count(filled, Sought(account="desk:Z1")) == 1


def test_only_compliance_asks_about_persons_and_every_attempt_is_on_record(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("engineer", "analyst", "handler"):
        for name in ("find", "erase", "restrict", "object", "rectify"):
            done = command(
                filled, monkeypatch, "subject", name, "--email", "zora@example.org", "--role", role, "--reason", "x"
            )
            assert done.exit_code == 5, (role, name, done.output)
    (filled.home.root / "policy.toml").open("a").write('[roles]\ncompliance = ["somebody-else"]\n')
    done = command(filled, monkeypatch, "subject", "find", "--email", "zora@example.org", *WHO)
    assert done.exit_code == 5
    refused = [x for x in AuditLog(filled.home, filled.keyring).lines() if x["action"] == "refused"]
    assert len(refused) == 16
    monkeypatch.setenv("VOICEHOUSE_ACTOR", "somebody-else")
    done = command(filled, monkeypatch, "subject", "find", "--email", "zora@example.org", *WHO)
    assert done.exit_code == 0 and "zora" not in done.output


def test_nobody_found_is_said_and_on_record(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command(filled, monkeypatch, "subject", "find", "--email", "nobody@example.org", *WHO)
    assert done.exit_code == 1 and "nobody" in done.stderr and "nobody@" not in done.stderr
    assert command(filled, monkeypatch, "subject", "find", *WHO).exit_code == 2


def test_requests_are_due_by_the_law_of_the_persons_country(filled: TestHouse) -> None:
    from datetime import datetime

    received = datetime(2026, 1, 31, 12)
    assert requests.due(filled.home, received, "DE") == datetime(2026, 2, 28, 12)
    assert requests.due(filled.home, received, "CN") == datetime(2026, 2, 20, 12)  # fifteen working days
    assert requests.due(filled.home, received, None) == datetime(2026, 2, 20, 12)
    assert request_for(filled, Sought(account="desk:O1")).due_at > received


def pseudonyms_of(house: TestHouse) -> list[str]:
    return [
        k for (k,) in house.rows("select distinct subject_key from lake.case where subject_key is not null order by 1")
    ]


def test_who_is_behind_a_pseudonym_is_told_on_record_and_many_only_by_two(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = ["--reason", "call back", "--ticket", "T-1"]
    (one, *_) = pseudonyms_of(filled)
    done = command(filled, monkeypatch, "reidentify", "show", one, "--role", "handler", *why, "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)[one]
    line = AuditLog(filled.home, filled.keyring).newest("reidentify")
    assert line and line["facts"]["ticket"] == "T-1" and "Zora" not in json.dumps(line)
    for role in ("engineer", "analyst"):
        assert command(filled, monkeypatch, "reidentify", "show", one, "--role", role, *why).exit_code == 5
    many = [f"{n:064x}" for n in range(10)]
    refused = command(filled, monkeypatch, "reidentify", "show", *many, "--role", "handler", *why)
    assert refused.exit_code == 1 and "second person" in refused.stderr
    told = command(
        filled, monkeypatch, "reidentify", "approve", "--persons", "10", "--role", "compliance", "--ticket", "T-1"
    )
    number = told.stdout.split(":")[0]
    asked = ["reidentify", "show", *many, "--role", "handler", *why, "--approval", number]
    assert "has to be another" in command(filled, monkeypatch, *asked).stderr
    monkeypatch.setenv("VOICEHOUSE_ACTOR", "the-other")  # another name is not another account
    assert "has to be another" in command(filled, monkeypatch, *asked).stderr
    assert "second person" in command(filled, monkeypatch, *asked[:-2]).stderr  # nor is their hour a new one
    monkeypatch.delenv("VOICEHOUSE_ACTOR")
    monkeypatch.setattr("orchestration.privacy.audit_log.pwd.getpwuid", lambda _: SimpleNamespace(pw_name="the-other"))
    assert command(filled, monkeypatch, *asked).exit_code == 0
    assert "it was used" in command(filled, monkeypatch, *asked).stderr


def test_a_worklist_says_where_cases_lie_and_names_nobody(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = CASE.replace(
        "raw ->> '$.text' as text",
        "raw ->> '$.text' as text, raw ->> '$.agent' as agent_id, raw ->> '$.status' as status",
    )
    folder = write_source(house.sources, "desk", {"case": sql})
    toml = folder / "source.toml"
    toml.write_text(toml.read_text() + '[options]\ncase_link = "https://desk.example/{id}"\n')
    mine = {"agent": "a7", "name": "Zora Quill", "account": "Z1"}
    house.drop("rows.jsonl", lines(case(1, **mine), case(2, status="closed", **mine), case(3, agent="a8")))
    house.take()
    by = ["worklist", "--agent", "desk:a7", "--reason", "queue"]
    done = command(house, monkeypatch, *by, "--role", "handler", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [
        {"source": "desk", "kind": "case", "record_id": "T1", "link": "https://desk.example/T1"}
    ]
    for role in ("engineer", "analyst", "compliance"):
        assert command(house, monkeypatch, *by, "--role", role).exit_code == 5
    told = [x["facts"]["reason"] for x in AuditLog(house.home, house.keyring).lines() if x["action"] == "worklist"]
    assert told == ["queue"]


def test_a_work_list_is_for_its_handler_or_the_lead_of_her_team(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = CASE.replace("raw ->> '$.text' as text", "raw ->> '$.text' as text, raw ->> '$.agent' as agent_id")
    agent = "select _record, raw ->> '$.agent' as agent_id, raw ->> '$.team' as team, raw ->> '$.at' as updated_at from rows"
    agents = f"{agent} where raw ->> '$.team' is not null"
    write_source(house.sources, "desk", {"case": f"{sql} where raw ->> '$.team' is null", "agent": agents})
    directory = [
        {"agent": "a7", "team": "south", "at": "2025-01-01"},
        {"agent": "a7", "team": "north", "at": "2025-02-01"},
        {"agent": "a8", "team": "north", "at": "2025-01-01"},
    ]
    house.drop("rows.jsonl", lines(case(1, agent="a7"), case(2, agent="a8"), *directory))
    house.take()

    def asked(account: str, agent: str) -> int:
        monkeypatch.setenv("VOICEHOUSE_ACTOR", account)
        asked = ["worklist", "--agent", agent, "--role", "handler", "--reason", "queue"]
        return command(house, monkeypatch, *asked).exit_code

    assert asked("eve", "desk:a7") == 0  # the control: a house that names nobody is run by one person
    (house.home.root / "policy.toml").write_text(
        'version = "1"\npurposes = ["service", "analytics"]\n'
        '[roles]\nhandler = ["ada", "eve", "lea", "sue"]\n'
        '[staff]\nleads = { north = ["lea"], south = ["sue"] }\naccounts = { ada = ["desk:a7"], eve = ["desk:a8"] }\n'
    )
    assert [asked("ada", "desk:a7"), asked("ada", "desk:a8")] == [0, 5]
    assert [asked("eve", "desk:a7"), asked("eve", "desk:a8")] == [5, 0]
    assert [asked("lea", "desk:a7"), asked("lea", "desk:a8")] == [0, 0]
    assert [asked("sue", "desk:a7"), asked("sue", "desk:nobody")] == [5, 5]  # a7 has left her team
    log = list(AuditLog(house.home, house.keyring).lines())
    refused = [(x["actor"], x["facts"]["operation"]) for x in log if x["action"] == "refused"]
    assert refused == [(name, "worklist") for name in ("ada", "eve", "sue", "sue")]
    assert [x["actor"] for x in log if x["action"] == "worklist"] == ["eve", "ada", "eve", "lea", "lea"]


@pytest.mark.parametrize("role", ["analyst", "handler", "compliance"])
def test_only_an_engineer_backs_up_and_puts_back_and_no_analyst_deletes(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str
) -> None:
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "correct horse battery")
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    assert command(filled, monkeypatch, "backup", one).exit_code == 0
    assert command(filled, monkeypatch, "backup", other, "--role", role).exit_code == 5
    assert not Path(other).exists()
    dry = command(filled, monkeypatch, "retention", "run", "--dry-run", "--role", role)
    assert dry.exit_code == (0 if role == "compliance" else 5), dry.output
    new = tmp_path / "new"
    monkeypatch.setenv("VOICEHOUSE_HOME", str(new))
    done = CliRunner().invoke(main, ["restore", one, "--without-erased", "--role", role])
    assert done.exit_code == 5 and "restore asks for engineer" in done.stderr and not new.exists()


def test_backup_and_restore_heed_the_accounts_of_the_policy(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "correct horse battery")
    (filled.home.root / "policy.toml").open("a").write('[roles]\nengineer = ["ada"]\n')
    one, new = str(tmp_path / "one"), tmp_path / "new"
    for account, code in (("eve", 5), ("ada", 0)):
        monkeypatch.setenv("VOICEHOUSE_ACTOR", account)
        assert command(filled, monkeypatch, "backup", one).exit_code == code
        assert command(filled, monkeypatch, "retention", "run", "--dry-run").exit_code == code
    for account, code in (("eve", 5), ("ada", 0)):
        monkeypatch.setenv("VOICEHOUSE_ACTOR", account)
        monkeypatch.setenv("VOICEHOUSE_HOME", str(new))
        assert CliRunner().invoke(main, ["restore", one, "--without-erased"]).exit_code == code and new.exists() == (
            code == 0
        )


def test_a_lost_vault_stops_the_house_until_a_new_one_is_asked_for(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.privacy.log_ends import known_generation

    before = known_generation(filled.home)
    (filled.home.root / "vault" / "vault.duckdb").unlink()
    filled.drop("rows_3.jsonl", lines(case(8, account="Z1")))
    with pytest.raises(VoicehouseError, match="vault reinit"):
        filled.take()
    assert command(filled, monkeypatch, "vault", "reinit", "--role", "handler", "--yes").exit_code == 5
    assert command(filled, monkeypatch, "vault", "reinit", "--role", "engineer", "--yes").exit_code == 0
    assert known_generation(filled.home) == before + 1
    filled.take()
    assert filled.rows("select count(*) from lake.case") == [(5,)]  # history stays, its persons are unlinked
    assert request_count(filled, Sought(account="desk:Z1")) == 1
    assert command(filled, monkeypatch, "vault", "reinit", "--role", "engineer", "--yes").exit_code == 1
